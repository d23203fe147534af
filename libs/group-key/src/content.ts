/**
 * Data that only members open (protocol.md, "Content").
 *
 * ```
 *   Group Key, session --HKDF "content" group-id version sender--> key of a session
 *   message = header, AES-256-GCM(key, nonce = 4 zero bytes u64(counter), aad = header), tag
 * ```
 * A session and its counter live in memory only: a restart takes a new session, so that no nonce comes twice under a key.
 * Every member holds the Group Key, so that a member can write in another's name: the header's sender is what the group
 * vouches for, not what a sender signed.
 */
import { Secret, SECRET_BYTES, type GroupKey, type Random } from '@cpns/core';
import { hkdf, hkdfInfo } from '@cpns/key-derivation';
import { LRUCache } from 'lru-cache';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import {
  asBuffer,
  checkContentSize,
  CONTENT_TAG_BYTES,
  contentInvalid,
  COUNTER_BYTES,
  encodeContentHeader,
  prefixLength,
  readPrefix,
  SESSION_BYTES,
  type ContentHeader,
  type ContentTerms,
} from './content-header';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const COUNTER_AT = IV_BYTES - COUNTER_BYTES;

/** Derived from a Group Key: seals and opens what one sender writes in one session. */
export class ContentKey extends Secret {
  readonly kind = 'ContentKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** The key of one session. */
export function deriveContentKey(groupKey: GroupKey, { groupId, version, sender, session }: ContentTerms): ContentKey {
  return new ContentKey(hkdf(groupKey.expose(), session, hkdfInfo('cpns/v1/content', groupId, version, sender)));
}

/**
 * One message. A key and a nonce seal once: only {@link ContentSealer}, which counts, and the vectors call this.
 * @param nonce 12 bytes, which end with the header's counter
 */
export function sealMessage(key: ContentKey, header: Buffer, nonce: Buffer, plaintext: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(header.length + plaintext.length + CONTENT_TAG_BYTES);
  const cipher = createCipheriv(ALGORITHM, key.expose(), nonce);
  cipher.setAAD(header);
  message.set(header);
  message.set(cipher.update(plaintext), header.length);
  cipher.final();
  message.set(cipher.getAuthTag(), header.length + plaintext.length);
  return message;
}

/** Whom a sealer seals for, and as whom. */
export interface SealerOptions {
  readonly groupKey: GroupKey;
  readonly groupId: string;
  readonly version: bigint;
  /** E of this member. */
  readonly sender: string;
  readonly random: Random;
}

/**
 * Seals in one session under one version. Make a new one for each start and each version; when the version may
 * be sealed with, says {@link sealableVersion}.
 */
export class ContentSealer {
  readonly terms: ContentTerms;
  readonly #key: ContentKey;
  /** Of the last message: it is written over, since all but its counter stays. */
  readonly #header: Buffer;
  readonly #nonce = Buffer.alloc(IV_BYTES);
  #counter = 0;

  constructor({ groupKey, groupId, version, sender, random }: SealerOptions) {
    this.terms = { groupId, version, sender, session: Buffer.from(random.bytes(SESSION_BYTES)) };
    this.#key = deriveContentKey(groupKey, this.terms);
    this.#header = encodeContentHeader({ ...this.terms, counter: 0n });
  }

  /**
   * @param plaintext at most 1 MiB
   * @returns header, ciphertext and tag
   * @throws CpnsError MESSAGE_TOO_LARGE
   */
  seal(plaintext: Uint8Array): Buffer {
    checkContentSize(plaintext.length);
    this.#count();
    return sealMessage(this.#key, this.#header, this.#nonce, plaintext);
  }

  /** Overwrites the key: this session is over. */
  destroy(): void {
    this.#key.destroy();
  }

  /** The nonce of the next message: a counter that came twice would give the key away. */
  #count(): void {
    if (this.#counter >= Number.MAX_SAFE_INTEGER) throw new RangeError('this session has no counter left');
    this.#nonce.writeUInt32BE(Math.floor(this.#counter / 2 ** 32), COUNTER_AT);
    this.#nonce.writeUInt32BE(this.#counter >>> 0, COUNTER_AT + 4);
    this.#nonce.copy(this.#header, this.#header.length - COUNTER_BYTES, COUNTER_AT);
    this.#counter += 1;
  }
}

/** A message that was opened. */
export interface OpenedContent {
  readonly header: ContentHeader;
  readonly plaintext: Buffer;
}

/** The Group Key of a header's group and version; throws where this member may not open with it. */
export type FindGroupKey = (terms: ContentTerms) => GroupKey;

interface KnownSession {
  /** The header without its counter: what the session is known by. */
  readonly prefix: Buffer;
  /** Room for a whole header: the prefix, and the counter of the message at hand. */
  readonly header: Buffer;
  readonly terms: ContentTerms;
  readonly groupKey: GroupKey;
  readonly key: ContentKey;
}

/** How many sessions an opener keeps the keys of, unless told otherwise. */
const SESSIONS_MAX = 256;

/**
 * Opens messages, and keeps the keys of the sessions that were opened last. Whether a message was opened before is for
 * {@link ReplayMemory} to say, once it is known to be authentic.
 */
export class ContentOpener {
  /** By prefix, one character per byte. */
  readonly #sessions: LRUCache<string, KnownSession>;
  /** The session that was opened last: most messages come in a row, and comparing bytes costs less than the map. */
  #last: KnownSession | undefined;
  // written over with each message: a view of the message costs more than a copy of so few bytes
  readonly #nonce = Buffer.alloc(IV_BYTES);
  readonly #tag = Buffer.alloc(CONTENT_TAG_BYTES);

  /** @param sessionsMax how many session keys are kept */
  constructor(sessionsMax = SESSIONS_MAX) {
    const dispose = (session: KnownSession) => {
      session.key.destroy();
      if (session === this.#last) this.#last = undefined;
    };
    this.#sessions = new LRUCache({ max: sessionsMax, dispose });
  }

  /**
   * @param find asked for every message, so that a version that has retired opens nothing more
   * @throws CpnsError CONTENT_INVALID with metadata `check`, MESSAGE_TOO_LARGE, and what `find` throws
   */
  open(bytes: Uint8Array, find: FindGroupKey): OpenedContent {
    const message = asBuffer(bytes);
    const end = prefixLength(message);
    const bodyAt = end + COUNTER_BYTES;
    const tagAt = message.length - CONTENT_TAG_BYTES;
    checkContentSize(tagAt - bodyAt);
    const session = this.#session(message, end, find);
    message.copy(this.#nonce, COUNTER_AT, end, bodyAt);
    message.copy(session.header, end, end, bodyAt);
    message.copy(this.#tag, 0, tagAt);
    const decipher = createDecipheriv(ALGORITHM, session.key.expose(), this.#nonce);
    decipher.setAAD(session.header);
    decipher.setAuthTag(this.#tag);
    const plaintext = decipher.update(message.subarray(bodyAt, tagAt));
    try {
      decipher.final();
    } catch (cause) {
      plaintext.fill(0);
      throw contentInvalid('tag', cause);
    }
    if (session !== this.#last) this.#keep(session);
    const { groupId, version, sender, session: id } = session.terms;
    return { header: { groupId, version, sender, session: id, counter: message.readBigUInt64BE(end) }, plaintext };
  }

  /** Overwrites every session key of a group, or of one version of it. */
  forget(groupId: string, version?: bigint): void {
    // a copy: the library may show an entry twice when entries are deleted in between
    for (const [id, { terms }] of [...this.#sessions])
      if (terms.groupId === groupId && (version === undefined || terms.version === version)) this.#sessions.delete(id);
  }

  /** How many session keys are kept. */
  get remembered(): number {
    return this.#sessions.size;
  }

  #known(message: Buffer, end: number): KnownSession | undefined {
    const last = this.#last;
    if (last?.prefix.length === end && message.compare(last.prefix, 0, end, 0, end) === 0) return last;
    return this.#sessions.peek(message.toString('latin1', 0, end));
  }

  #session(message: Buffer, end: number, find: FindGroupKey): KnownSession {
    const known = this.#known(message, end);
    const terms = known?.terms ?? readPrefix(message, end);
    const groupKey = find(terms);
    // a key that was read anew from the store is another object with the same bytes
    if (known !== undefined && (known.groupKey === groupKey || known.groupKey.equals(groupKey))) return known;
    const header = Buffer.from(message.subarray(0, end + COUNTER_BYTES));
    return { prefix: header.subarray(0, end), header, terms, groupKey, key: deriveContentKey(groupKey, terms) };
  }

  /** Only what opened something: a stranger's headers take no memory, and drive no session out. */
  #keep(session: KnownSession): void {
    this.#sessions.set(session.prefix.toString('latin1'), session);
    this.#last = session;
  }
}
