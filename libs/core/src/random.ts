import { randomBytes } from 'node:crypto';

/** The one source of randomness; vectors and tests pass their own. */
export abstract class Random {
  /** `size` bytes from a cryptographic generator. */
  abstract bytes(size: number): Buffer;
}

export const systemRandom: Random = { bytes: (size) => randomBytes(size) };

/** Size of every nonce and salt of the protocol, in bytes. */
export const NONCE_BYTES = 16;
