/**
 * The frozen vectors once more, from docs/protocol.md, RFC 5869 and RFC 3394 alone: bare node:crypto, and not one import
 * of the project. Where library and vectors agree on a mistake, this does not.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Fields = Record<string, string>;
interface Case {
  readonly name: string;
  readonly input: Fields & { readonly activateAt: number; readonly sealUntil: number };
  readonly output: Fields;
}

// ---- notation

const given = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('a field is missing');
  return value;
};
const hex = (text: string | undefined): Buffer => Buffer.from(given(text), 'hex');
const cat = (...parts: (string | Buffer)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const big = (value: bigint | number | string, size: number): Buffer => {
  const digits = BigInt(value).toString(16);
  return hex(digits.padStart(2 * size, '0'));
};
const LP = (value: string | Buffer | undefined): Buffer => {
  const bytes = Buffer.from(given(value) as string);
  return cat(big(bytes.length, 2), bytes);
};
const u64 = (value: number | string | undefined): Buffer => big(value ?? Number.NaN, 8);
const HMAC = (key: Buffer, message: Buffer): Buffer => createHmac('sha256', key).update(message).digest();
const empty = Buffer.alloc(32);
/** RFC 5869, 2.2 and 2.3, for one block. */
const HKDF = (ikm: Buffer, salt: Buffer, info: Buffer, length = 32): Buffer =>
  HMAC(HMAC(salt, ikm), cat(info, Buffer.of(1))).subarray(0, length);

/** RFC 3394, 2.2.1, as six rounds of single AES blocks over registers of 8 bytes. */
const wrap = (key: Buffer, plaintext: Buffer): Buffer => {
  const block = (input: Buffer): Buffer => createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(input);
  let a: Buffer = Buffer.alloc(8, 0xa6);
  const registers = [0, 8, 16, 24].map((at) => plaintext.subarray(at, at + 8));
  for (let step = 1; step <= 24; step += 1) {
    const index = (step - 1) % 4;
    const b = block(cat(a, registers[index]!));
    a = big(b.readBigUInt64BE(0) ^ BigInt(step), 8);
    registers[index] = b.subarray(8);
  }
  return cat(a, ...registers);
};

// ---- the formulas

const statement = (i: Case['input']): Buffer => {
  const numbers = [i.version, i.previous, i.treeEpoch, i.treeRevision, i.activateAt, i.sealUntil].map(u64);
  const digests = [LP(hex(i.commitment)), LP(hex(i.sharedDigest))];
  return cat('cpns/v1/group-key-statement', LP(i.groupId), ...numbers, ...digests);
};

const contentKey = (i: Fields): Buffer =>
  HKDF(hex(i.groupKey), hex(i.session), cat('cpns/v1/content', LP(i.groupId), u64(i.version), LP(i.sender)));

const text = (value: Buffer | string): string => (typeof value === 'string' ? value : value.toString('hex'));

type Row = (input: Case['input'], output: Fields) => Record<string, Buffer | string>;

const recompute: Record<string, Row> = {
  'group-key-commitment': (i) => ({
    commitment: HKDF(hex(i.groupKey), empty, cat('cpns/v1/gk-commit', LP(i.groupId), u64(i.version))),
  }),
  'group-key-statement': (i) => ({ statement: statement(i) }),
  'group-key-signature': (i, o) => {
    const key = createPublicKey({ key: hex(i.spki), format: 'der', type: 'spki' });
    expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    const genuine = verify('sha256', statement(i), { key, dsaEncoding: 'der' }, hex(o.signature));
    // a signature is not recomputed, it is judged
    return { signature: genuine ? hex(o.signature) : 'does not verify' };
  },
  envelope: (i) => {
    const S = hex(i.entityUserKey);
    const keyId = HKDF(S, empty, cat('cpns/v1/key-id'), 16);
    const info = cat('cpns/v1/group-key-wrap', LP(i.groupId), u64(i.version), LP(i.entity));
    const wrapKey = HKDF(S, empty, info);
    return { keyId, wrapKey, envelope: cat(Buffer.of(1), LP(i.entity), keyId, wrap(wrapKey, hex(i.groupKey))) };
  },
  'content-key': (i) => ({ contentKey: contentKey(i) }),
  content: (i, o) => {
    const session = hex(i.session);
    const header = cat(Buffer.of(1), LP(i.groupId), u64(i.version), LP(i.sender), session, u64(i.counter));
    const nonce = cat(Buffer.alloc(4), u64(i.counter));
    const cipher = createCipheriv('aes-256-gcm', contentKey(i), nonce);
    cipher.setAAD(header);
    const sealed = cat(cipher.update(hex(i.plaintext)), cipher.final(), cipher.getAuthTag());
    const body = hex(o.message).subarray(header.length);
    const decipher = createDecipheriv('aes-256-gcm', contentKey(i), nonce, { authTagLength: 16 });
    decipher.setAAD(header);
    decipher.setAuthTag(body.subarray(-16));
    expect(cat(decipher.update(body.subarray(0, -16)), decipher.final()).toString('hex')).toBe(i.plaintext);
    return { header, message: cat(header, sealed) };
  },
};

const directory = join(__dirname, '../vectors');
const files = readdirSync(directory)
  .filter((file) => file.endsWith('.json'))
  .sort();

describe('the vectors, recomputed apart from the library', () => {
  it('this file knows every formula, and no other', () => {
    expect(Object.keys(recompute).sort()).toEqual(files.map((file) => file.replace('.json', '')).sort());
  });

  it('has them as they were frozen', () => {
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    const lines = files.map((file) => `${digest(readFileSync(join(directory, file)))}  ${file}`);
    expect(lines).toEqual(readFileSync(join(directory, 'SHA256SUMS'), 'utf8').trimEnd().split('\n'));
  });

  it('this file imports nothing but node:crypto, node:fs and node:path', () => {
    const imported = [...readFileSync(__filename, 'utf8').matchAll(/^.*from '([^']+)';$/gm)].map(([, name]) => name);
    expect(imported.sort()).toEqual(['node:crypto', 'node:fs', 'node:path']);
  });

  it('wraps as RFC 3394, 4.6 shows', () => {
    const kek = hex('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F');
    const key = hex('00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F');
    const shown = '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21';
    expect(wrap(kek, key).toString('hex').toUpperCase()).toBe(shown);
  });

  describe.each(files)('%s', (file) => {
    const { cases } = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { cases: Case[] };

    it.each(cases)('$name', ({ input, output }) => {
      const row = recompute[file.replace('.json', '')];
      const found = Object.entries(row!(input, output)).map(([name, value]) => [name, text(value)]);
      expect(Object.fromEntries(found)).toEqual(output);
    });
  });
});
