/**
 * The two forms of an Entity-User Key (5.3.1.12.5.2): a pre-shared secret, or a key pair with a certificate. A request
 * names its form by one byte, so that a MAC over one cannot be taken for the other.
 */
export const KEY_FORM_BYTES = { secret: 1, 'key-pair': 2 } as const;
export type KeyForm = keyof typeof KEY_FORM_BYTES;

/** The form of a form-byte, or `undefined` for a byte that is none. */
export const keyFormOf = (byte: number): KeyForm | undefined =>
  byte === KEY_FORM_BYTES.secret ? 'secret' : byte === KEY_FORM_BYTES['key-pair'] ? 'key-pair' : undefined;
