/**
 * The least that an envelope, and a message, can cost: the same operations of node:crypto on the same bytes, with
 * everything that can be made beforehand made beforehand, as in baseline-crypto.ts.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { bareHkdf } from './baseline-crypto';

const WRAP_IV = Buffer.alloc(8, 0xa6);

/** One HKDF of 32 bytes and one AES-256 key wrap. */
export function bareWrap(secret: Uint8Array, emptySalt: Uint8Array, info: Uint8Array, key: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', bareHkdf(secret, emptySalt, info), WRAP_IV);
  const wrapped = cipher.update(key);
  cipher.final();
  return wrapped;
}

export interface BareMessage {
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** AES-256-GCM; its parts are left as they come. */
export function bareSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): BareMessage {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(aad);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

export function bareOpen(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, message: BareMessage): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAAD(aad);
  decipher.setAuthTag(message.tag);
  const plaintext = decipher.update(message.ciphertext);
  decipher.final();
  return plaintext;
}
