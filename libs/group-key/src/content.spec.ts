import { createCipheriv } from 'node:crypto';
import { GroupKey } from '@cpns/core';
import { failureOf, flipped, reasonOf, SeededRandom, itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { ContentKey, ContentOpener, ContentSealer, deriveContentKey, type FindGroupKey } from './content';
import { CONTENT_MAX_BYTES, encodeContentHeader, parseContentHeader, type ContentHeader } from './content-header';

const random = new SeededRandom('content');
const groupKey = new GroupKey(random.bytes(32));
const who = { groupId: 'living-room', version: 3n, sender: 'cpns://pn1.td/pne/camera' };
const sealer = (edit: Partial<typeof who> = {}, key = groupKey) =>
  new ContentSealer({ groupKey: key, ...who, ...edit, random });
const find: FindGroupKey = () => groupKey;
const text = (words: string) => Buffer.from(words);

/** What a sender with any header could make: the library's sealer chooses session and counter itself. */
function sealWith(header: ContentHeader, plaintext: Buffer): Buffer {
  const aad = encodeContentHeader(header);
  const key = deriveContentKey(groupKey, header).expose();
  const nonce = Buffer.concat([Buffer.alloc(4), aad.subarray(-8)]);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(aad);
  return Buffer.concat([aad, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const anyHeader: fc.Arbitrary<ContentHeader> = fc.record({
  groupId: fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/),
  version: u64,
  sender: fc.stringMatching(/^cpns:\/\/[a-z0-9-]{1,9}\.[a-z0-9-]{1,9}\/pne\/[A-Za-z0-9_-]{1,64}$/),
  session: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  counter: u64,
});

describe('content', () => {
  it('opens for who has the Group Key, whatever its size', () => {
    const seals = sealer();
    const opens = new ContentOpener();
    for (const size of [0, 1, 15, 16, 17, 1_024, 65_537, CONTENT_MAX_BYTES]) {
      const plaintext = random.bytes(size);
      const message = seals.seal(plaintext);
      expect(opens.open(message, find).plaintext.equals(plaintext)).toBe(true);
      expect(message).toHaveLength(size + 53 + who.groupId.length + who.sender.length);
    }
  });

  itHolds(
    'opens with any header that a sender may write',
    [anyHeader, fc.uint8Array({ maxLength: 300 })],
    (header, bytes) => {
      const message = sealWith(header, Buffer.from(bytes));
      const opened = new ContentOpener().open(message, find);
      expect(opened.header).toEqual(header);
      expect(opened.plaintext).toEqual(Buffer.from(bytes));
      expect(parseContentHeader(message)).toEqual(header);
    },
  );

  it('counts from 0, in one session of a sealer', () => {
    const seals = sealer();
    const headers = [1, 2, 3].map(() => parseContentHeader(seals.seal(text('x'))));
    expect(headers.map(({ counter }) => counter)).toEqual([0n, 1n, 2n]);
    for (const { session, ...others } of headers) {
      expect(session).toEqual(seals.terms.session);
      expect(others).toMatchObject(who);
    }
    expect(parseContentHeader(sealer().seal(text('x'))).session).not.toEqual(seals.terms.session);
  });

  it('of the same words is never the same bytes', () => {
    const seals = sealer();
    const bodies = new Set([1, 2, 3].map(() => seals.seal(text('the same words')).subarray(-30).toString('hex')));
    expect(bodies.size).toBe(3);
  });

  it('is not sealed or opened above 1 MiB', () => {
    const limit = String(CONTENT_MAX_BYTES);
    const large = Buffer.alloc(CONTENT_MAX_BYTES + 1);
    expect(failureOf(() => sealer().seal(large))).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', metadata: { limit } });
    const message = sealWith({ ...who, session: random.bytes(16), counter: 0n }, large);
    expect(reasonOf(() => new ContentOpener().open(message, find))).toBe('MESSAGE_TOO_LARGE');
    expect(reasonOf(() => parseContentHeader(message))).toBe('MESSAGE_TOO_LARGE');
  });
});

describe('content that is refused', () => {
  const message = sealer().seal(text('hello'));
  const header = parseContentHeader(message);
  const headerBytes = encodeContentHeader(header);
  const body = message.subarray(headerBytes.length);
  const under = (edit: Partial<ContentHeader>) => Buffer.concat([encodeContentHeader({ ...header, ...edit }), body]);

  it.each<[string, Buffer, string]>([
    ['as it was sealed', message, 'accepted'],
    ['under another group', under({ groupId: 'kitchen' }), 'CONTENT_INVALID tag'],
    ['under another version', under({ version: 4n }), 'CONTENT_INVALID tag'],
    ['under another sender', under({ sender: 'cpns://pn1.td/pne/cameras' }), 'CONTENT_INVALID tag'],
    ['under another session', under({ session: flipped(header.session) }), 'CONTENT_INVALID tag'],
    ['under another counter', under({ counter: 1n }), 'CONTENT_INVALID tag'],
    ['with an altered ciphertext', flipped(message, headerBytes.length), 'CONTENT_INVALID tag'],
    ['with an altered tag', flipped(message, -1), 'CONTENT_INVALID tag'],
    ['without its last byte', message.subarray(0, -1), 'CONTENT_INVALID tag'],
    ['with a byte more', Buffer.concat([message, Buffer.of(0)]), 'CONTENT_INVALID tag'],
    ['with another first byte', flipped(message), 'CONTENT_INVALID header'],
    ['with no bytes', Buffer.alloc(0), 'CONTENT_INVALID header'],
    ['with a group-id that is none', under({ groupId: '.room' }), 'CONTENT_INVALID header'],
    ['with an empty group-id', under({ groupId: '' }), 'CONTENT_INVALID header'],
    ['with a sender that is none', under({ sender: 'cpns://pn1.td/service/x' }), 'CONTENT_INVALID header'],
    ['with text that is not ASCII', under({ groupId: 'stüble' }), 'CONTENT_INVALID header'],
    ['cut off in its lengths', message.subarray(0, 2), 'CONTENT_INVALID header'],
    ['cut off in its header', message.subarray(0, 30), 'CONTENT_INVALID size'],
    ['header alone', headerBytes, 'CONTENT_INVALID size'],
  ])('%s', (_what, bytes, reason) => {
    expect(reasonOf(() => new ContentOpener().open(bytes, find))).toBe(reason);
  });

  it('any bit turned over', () => {
    const opener = new ContentOpener();
    opener.open(message, find);
    for (let at = 0; at < message.length; at += 1)
      expect(reasonOf(() => opener.open(flipped(message, at), find))).toMatch(/^CONTENT_INVALID /);
    expect(reasonOf(() => opener.open(message, find))).toBe('accepted');
  });

  itHolds('any bytes at all, by both readers', [fc.uint8Array({ maxLength: 200 })], (bytes) => {
    for (const any of [Buffer.from(bytes), Buffer.concat([Buffer.of(1, 0, 1, 0x61), bytes])]) {
      expect(reasonOf(() => new ContentOpener().open(any, find))).toMatch(/^CONTENT_INVALID /);
      expect(reasonOf(() => parseContentHeader(any))).toMatch(/^(accepted|CONTENT_INVALID .*)$/);
    }
  });

  it('another Group Key', () => {
    const other = new GroupKey(random.bytes(32));
    expect(reasonOf(() => new ContentOpener().open(message, () => other))).toBe('CONTENT_INVALID tag');
  });

  it('a session of another size is not written', () => {
    expect(reasonOf(() => encodeContentHeader({ ...header, session: Buffer.alloc(15) }))).toBe('FIELD_SIZE');
  });
});

describe('the keys of sessions', () => {
  it('are asked for with every message, and a refusal goes through', () => {
    const seals = sealer();
    const opener = new ContentOpener();
    const asked: unknown[] = [];
    const note: FindGroupKey = (terms) => {
      asked.push(terms);
      return groupKey;
    };
    opener.open(seals.seal(text('1')), note);
    opener.open(seals.seal(text('2')), note);
    expect(asked).toEqual([seals.terms, seals.terms]);
    const stop = new Error('retired');
    const refuse = () =>
      opener.open(seals.seal(text('3')), () => {
        throw stop;
      });
    expect(refuse).toThrow(stop);
  });

  it('follow the Group Key: one that is kept for another opens nothing', () => {
    const opener = new ContentOpener();
    const seals = sealer();
    opener.open(seals.seal(text('1')), find);
    const other = new GroupKey(random.bytes(32));
    expect(reasonOf(() => opener.open(seals.seal(text('2')), () => other))).toBe('CONTENT_INVALID tag');
    const again = new GroupKey(groupKey.expose());
    expect(opener.open(seals.seal(text('3')), () => again).plaintext.toString()).toBe('3');
    expect(opener.remembered).toBe(1);
  });

  it('are bounded, those used last stay, and what does not open takes no place', () => {
    const opener = new ContentOpener(2);
    const [a, b, c] = [sealer(), sealer(), sealer()];
    const derived = jest.spyOn(ContentKey.prototype, 'destroy');
    for (const one of [a, b, a, c]) opener.open(one.seal(text('x')), find);
    expect(opener.remembered).toBe(2);
    expect(derived).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 10; i++)
      expect(reasonOf(() => opener.open(flipped(sealer().seal(text('x')), -1), find))).toBe('CONTENT_INVALID tag');
    expect(opener.remembered).toBe(2);
    opener.open(b.seal(text('x')), find);
    expect(opener.remembered).toBe(2);
    derived.mockRestore();
  });

  it('are forgotten by group and version', () => {
    const opener = new ContentOpener();
    for (const edit of [{}, { version: 4n }, { groupId: 'kitchen' }]) opener.open(sealer(edit).seal(text('x')), find);
    const overwritten = jest.spyOn(ContentKey.prototype, 'destroy');
    opener.forget(who.groupId, 3n);
    expect(opener.remembered).toBe(2);
    opener.forget(who.groupId);
    expect(opener.remembered).toBe(1);
    opener.forget('kitchen');
    expect(opener.remembered).toBe(0);
    expect(overwritten).toHaveBeenCalledTimes(3);
    overwritten.mockRestore();
  });

  it('are overwritten when a sealer is over, and print as nothing', () => {
    const key = deriveContentKey(groupKey, sealer().terms);
    expect(`${String(key)} ${JSON.stringify({ key })}`).toBe('[redacted] {"key":"[redacted]"}');
    const seals = sealer();
    const overwritten = jest.spyOn(ContentKey.prototype, 'destroy');
    seals.destroy();
    expect(overwritten).toHaveBeenCalledTimes(1);
    overwritten.mockRestore();
  });
});
