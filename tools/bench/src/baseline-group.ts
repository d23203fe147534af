/**
 * The least that an envelope, and a message, can cost: the same operations of node:crypto on the same bytes, with
 * everything that can be made beforehand made beforehand. No import from the project, as in baseline-crypto.ts.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

const WRAP_IV = Buffer.alloc(8, 0xa6);

/** One HKDF of 32 bytes, as two HMACs, and one AES-256 key wrap. @param info with the counter byte that HKDF ends with */
export function bareWrap(secret: Uint8Array, emptySalt: Uint8Array, info: Uint8Array, key: Uint8Array): Buffer {
  const prk = createHmac('sha256', emptySalt).update(secret).digest();
  const wrapKey = createHmac('sha256', prk).update(info).digest();
  const cipher = createCipheriv('id-aes256-wrap', wrapKey, WRAP_IV);
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
