import type { DataKey } from '@cpns/core';

/** AES key wrap (RFC 3394) adds one block of 8 bytes to the 32 of a data key. */
export const WRAPPED_BYTES = 40;

/**
 * Where a service's master key is. It only wraps data keys, with AES-256 key wrap (RFC 3394): so it can stay inside a
 * PKCS #11 token, whose C_WrapKey and C_UnwrapKey with CKM_AES_KEY_WRAP do exactly this.
 */
export interface MasterKeyProvider {
  /** The data key wrapped, 40 bytes. */
  wrap(key: DataKey): Promise<Buffer>;

  /** @throws STORED_RECORD_INVALID when the bytes were altered or wrapped by another master key */
  unwrap(wrapped: Uint8Array): Promise<DataKey>;
}
