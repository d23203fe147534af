import { invalidArgument } from '@cpns/core';
import { checkSize } from './hkdf';

/** Size of a key-id, in bytes; its text is twice as long. */
export const KEY_ID_BYTES = 16;
export const KEY_ID_PATTERN = /^[0-9a-f]{32}$/;

/** A key-id in text is lower-case hex; formulas take its 16 bytes, wherever they do not say that they take the text. */
export function keyIdBytes(keyId: string): Buffer {
  return Buffer.from(checkKeyId(keyId), 'hex');
}

/** The text of a key-id of 16 bytes. @throws CpnsError FIELD_MISSING, FIELD_SIZE */
export function keyIdText(bytes: Uint8Array): string {
  checkSize(bytes, KEY_ID_BYTES, 'key-id');
  return Buffer.from(bytes).toString('hex');
}

/** @throws CpnsError FIELD_MISSING when empty, NAME_INVALID when it is not 32 lower-case hex digits */
export function checkKeyId(keyId: string, field = 'key-id'): string {
  if (keyId === '') throw invalidArgument('FIELD_MISSING', `${field} is empty`, { metadata: { field } });
  if (!KEY_ID_PATTERN.test(keyId))
    throw invalidArgument('NAME_INVALID', `${field} is not 32 lower-case hex digits`, { metadata: { field } });
  return keyId;
}

/**
 * What a request was made with: a token, or in a renewal the old key. A reply then has the 16 bytes of the key-id where
 * it has the text of the token-id after a first request.
 */
export type Credential = { readonly tokenId: string } | { readonly keyId: string };

export const credentialBytes = (credential: Credential): Buffer =>
  'tokenId' in credential ? Buffer.from(credential.tokenId, 'utf8') : keyIdBytes(credential.keyId);
