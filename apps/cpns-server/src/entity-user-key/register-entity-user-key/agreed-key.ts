import type { EntityUserKey } from '@cpns/core';
import type { CheckedRegistrationReply } from '@cpns/contracts';

/** What a registration leads to, in either form. */
export interface AgreedKey {
  /** S */
  readonly secret: EntityUserKey;
  /** 32 hexadecimal digits. */
  readonly keyId: string;
  /** Unix milliseconds. */
  readonly notAfter: number;
  readonly certificateDigest?: Buffer;
  readonly firstSeedId?: string;
  /** Of that seed, Unix milliseconds. */
  readonly registerUntil?: number;
  readonly reply: CheckedRegistrationReply;
}
