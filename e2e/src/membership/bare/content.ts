import { createDecipheriv } from 'node:crypto';
import { hkdf, lp, u64 } from './bytes';

/** `0x01 LP(group-id) u64(version) LP(sender E) session u64(counter)`, ciphertext, tag. */
export function readContent(message: Buffer) {
  if (message[0] !== 0x01) throw new Error('not sealed content');
  const versionAt = 3 + message.readUInt16BE(1);
  const senderAt = versionAt + 8;
  const sessionAt = senderAt + 2 + message.readUInt16BE(senderAt);
  const counterAt = sessionAt + 16;
  const end = counterAt + 8;
  return {
    groupId: message.toString('utf8', 3, versionAt),
    version: message.readBigUInt64BE(versionAt),
    sender: message.toString('utf8', senderAt + 2, sessionAt),
    session: message.subarray(sessionAt, counterAt),
    header: message.subarray(0, end),
    nonce: Buffer.concat([Buffer.alloc(4), message.subarray(counterAt, end)]),
    ciphertext: message.subarray(end, message.length - 16),
    tag: message.subarray(message.length - 16),
  };
}

export type Content = ReturnType<typeof readContent>;

/** Of one sender's session. */
export const contentKey = (groupKey: Buffer, { groupId, version, sender, session }: Content): Buffer =>
  hkdf(groupKey, session, 'cpns/v1/content', lp(groupId), u64(version), lp(sender));

/** @returns nothing when the key is another, or the message was altered */
export function openContent(key: Buffer, { nonce, header, ciphertext, tag }: Content): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(header).setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}
