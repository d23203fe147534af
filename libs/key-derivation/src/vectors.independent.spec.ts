/**
 * The frozen vectors once more, from docs/protocol.md, RFC 5869 and RFC 9180 alone: bare node:crypto, and not one
 * import of the project. Where library and vectors agree on a mistake, this does not.
 */
import {
  constants,
  createDecipheriv,
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  verify,
} from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Fields = Record<string, string>;
interface Case {
  readonly name: string;
  readonly input: Fields & { readonly notAfter: number; readonly timeMs: number; readonly chain: string[] };
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
const SHA256 = (...parts: Buffer[]): Buffer => {
  const bytes = cat(...parts);
  return createHash('sha256').update(bytes).digest();
};
const HMAC = (key: Buffer, message: Buffer): Buffer => createHmac('sha256', key).update(message).digest();

/** RFC 5869, 2.2 and 2.3, with its loop. */
const extract = (salt: Buffer, ikm: Buffer): Buffer => HMAC(salt.length === 0 ? Buffer.alloc(32) : salt, ikm);
const expand = (prk: Buffer, info: Buffer, length: number): Buffer => {
  let out: Buffer = Buffer.alloc(0);
  let block: Buffer = Buffer.alloc(0);
  for (let counter = 1; out.length < length; counter += 1) {
    block = HMAC(prk, cat(block, info, Buffer.of(counter)));
    out = cat(out, block);
  }
  return out.subarray(0, length);
};
const none = Buffer.alloc(0);
const HKDF = (ikm: Buffer, salt: Buffer, info: Buffer, length = 32): Buffer => expand(extract(salt, ikm), info, length);

// ---- RFC 9180: KEM 0x0010, KDF 0x0001, AEAD 0x0002

const kemSuite = cat('KEM', big(0x0010, 2));
const hpkeSuite = cat('HPKE', big(0x0010, 2), big(0x0001, 2), big(0x0002, 2));
const labeledExtract = (suite: Buffer, salt: Buffer, label: string, ikm: Buffer): Buffer =>
  extract(salt, cat('HPKE-v1', suite, label, ikm));
const labeledExpand = (suite: Buffer, prk: Buffer, label: string, info: Buffer, length: number): Buffer =>
  expand(prk, cat(big(length, 2), 'HPKE-v1', suite, label, info), length);

const ecdhOf = (privateKey: Buffer) => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(privateKey);
  return ecdh;
};
const publicOf = (privateKey: Buffer): Buffer => ecdhOf(privateKey).getPublicKey();
const dh = (privateKey: Buffer, publicKey: Buffer): Buffer => ecdhOf(privateKey).computeSecret(publicKey);

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** 7.1.3 */
const deriveKeyPair = (seed: Buffer): { privateKey: Buffer; publicKey: Buffer } => {
  const prk = labeledExtract(kemSuite, none, 'dkp_prk', seed);
  for (let counter = 0; counter < 256; counter += 1) {
    const privateKey = labeledExpand(kemSuite, prk, 'candidate', big(counter, 1), 32);
    const scalar = BigInt(`0x${privateKey.toString('hex')}`);
    if (scalar > 0n && scalar < ORDER) return { privateKey, publicKey: publicOf(privateKey) };
  }
  throw new Error('no scalar in 256 candidates');
};

/** 4.1, ExtractAndExpand */
const sharedSecret = (shared: Buffer, enc: Buffer, recipientKey: Buffer): Buffer => {
  const prk = labeledExtract(kemSuite, none, 'eae_prk', shared);
  return labeledExpand(kemSuite, prk, 'shared_secret', cat(enc, recipientKey), 32);
};

/** 5.1 */
const keySchedule = (secretOfKem: Buffer, info: Buffer, psk?: { key: Buffer; id: Buffer }) => {
  const context = cat(
    Buffer.of(psk === undefined ? 0x00 : 0x01),
    labeledExtract(hpkeSuite, none, 'psk_id_hash', psk?.id ?? none),
    labeledExtract(hpkeSuite, none, 'info_hash', info),
  );
  const secret = labeledExtract(hpkeSuite, secretOfKem, 'secret', psk?.key ?? none);
  return {
    key: labeledExpand(hpkeSuite, secret, 'key', context, 32),
    nonce: labeledExpand(hpkeSuite, secret, 'base_nonce', context, 12),
    exporter: labeledExpand(hpkeSuite, secret, 'exp', context, 32),
  };
};

/** Both sides of one encapsulation, which have to come to the same. */
const bothSides = (input: Fields) => {
  const ephemeral = deriveKeyPair(hex(input.ephemeralSeed));
  const recipient = { privateKey: hex(input.recipientPrivateKey), publicKey: hex(input.recipientPublicKey) };
  const enc = ephemeral.publicKey;
  const sender = sharedSecret(dh(ephemeral.privateKey, recipient.publicKey), enc, recipient.publicKey);
  const receiver = sharedSecret(dh(recipient.privateKey, enc), enc, publicOf(recipient.privateKey));
  expect(receiver).toEqual(sender);
  return { enc, secret: sender };
};

const seal = (key: Buffer, nonce: Buffer, plaintext: Buffer): Buffer => {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return cat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
};
const open = (key: Buffer, nonce: Buffer, sealed: Buffer): Buffer => {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  return cat(decipher.update(sealed.subarray(0, -16)), decipher.final());
};

// ---- the formulas

const formByte = (form: string | undefined): Buffer => {
  if (form === 'secret') return Buffer.of(1);
  if (form === 'key-pair') return Buffer.of(2);
  throw new Error('no form');
};
const credential = (i: Fields): Buffer => (i.tokenId === undefined ? hex(i.keyId) : Buffer.from(i.tokenId));
const request = (i: Fields): Buffer =>
  cat(LP(i.method), LP(i.entity), LP(i.user), LP(i.gateway), formByte(i.form), LP(SHA256(hex(i.key))), hex(i.nonce));
const seedTerms = (i: Fields): Buffer => cat(LP(i.firstSeedId), LP(i.gateway), LP(i.entity), LP(i.user));
const T1 = (i: Case['input']): Buffer =>
  cat(LP(i.tokenId), seedTerms(i), u64(i.notAfter), hex(i.secondSeed), hex(i.nonce));

const text = (value: Buffer | string): string => (typeof value === 'string' ? value : value.toString('hex'));

type Row = (input: Case['input'], output: Fields) => Record<string, Buffer | string>;

const recompute: Record<string, Row> = {
  'token-auth': (i) => ({ authKey: HKDF(hex(i.tokenSecret), none, cat('cpns/v1/token-auth')) }),
  'token-psk': (i) => ({ psk: HKDF(hex(i.authKey), none, cat('cpns/v1/token-psk')) }),
  'enrol-mac': (i) => ({ mac: HMAC(hex(i.authKey), cat('cpns/v1/enrol', LP(i.tokenId), request(i))) }),
  assignment: (i, o) => {
    const info = cat('cpns/v1/assign', LP(i.entity), LP(i.user), LP(i.gateway), u64(i.notAfter), LP(i.firstSeedId));
    const { enc, secret } = bothSides(i);
    const { key, nonce } = keySchedule(secret, info, { key: hex(i.psk), id: credential(i) });
    const plaintext = cat(hex(i.entityUserKey), hex(i.secondSeed ?? ''));
    expect(open(key, nonce, hex(o.ciphertext))).toEqual(plaintext);
    return { enc, ciphertext: seal(key, nonce, plaintext) };
  },
  'enrol-reply-mac': (i) => {
    const fields = cat(LP(credential(i)), LP(SHA256(hex(i.key))), hex(i.nonce), LP(SHA256(...i.chain.map(hex))));
    return { mac: HMAC(hex(i.authKey), cat('cpns/v1/enrol-reply', fields)) };
  },
  'one-time-string': (i) => {
    const head = cat(LP(i.tokenId), hex(i.tokenSecret), hex(i.rootDigest), LP(i.entity), LP(i.user), formByte(i.form));
    const bytes = cat(head, LP(i.peer), LP(i.endpoint));
    // RFC 4648, 5, without padding
    const base64url = bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    return { text: `cpns1.${base64url}` };
  },
  'second-seed': (i) => ({
    secondSeed: HKDF(hex(i.firstSeed), hex(i.salt), cat('cpns/v1/second-seed', seedTerms(i))),
  }),
  'entity-user-key': (i) => {
    const info = cat('cpns/v1/entity-user-key', seedTerms(i), u64(i.notAfter));
    return { entityUserKey: HKDF(hex(i.firstSeed), hex(i.secondSeed), info) };
  },
  'key-id': (i) => ({ keyId: HKDF(hex(i.entityUserKey), none, cat('cpns/v1/key-id'), 16) }),
  'confirm-key': (i) => ({ confirmKey: HKDF(hex(i.entityUserKey), none, cat('cpns/v1/confirm')) }),
  'wrap-key': (i) => {
    const info = cat('cpns/v1/group-key-wrap', LP(i.groupId), u64(i.version), LP(i.entity));
    return { wrapKey: HKDF(hex(i.entityUserKey), none, info) };
  },
  'registration-t1': (i) => ({ t1: T1(i) }),
  'confirm-client-mac': (i) => ({ mac: HMAC(hex(i.confirmKey), cat('cpns/v1/confirm-client', T1(i))) }),
  'confirm-server-mac': (i) => ({ mac: HMAC(hex(i.confirmKey), cat('cpns/v1/confirm-server', T1(i))) }),
  'replace-mac': (i) => ({ mac: HMAC(hex(i.confirmKey), cat('cpns/v1/replace', T1(i))) }),
  'hpke-key-statement': (i) => ({
    statement: cat('cpns/v1/hpke-key', LP(i.entity), LP(i.tokenId), LP(SHA256(hex(i.certificate))), LP(hex(i.hpkeKey))),
  }),
  'pairwise-statement': (i) => {
    const certificate = LP(SHA256(hex(i.certificate)));
    return { statement: cat('cpns/v1/pairwise', LP(i.entity), certificate, LP(hex(i.hpkeKey)), LP(hex(i.enc))) };
  },
  'pairwise-secret': (i) => {
    const { enc, secret } = bothSides(i);
    const { exporter } = keySchedule(secret, cat('cpns/v1/pairwise', LP(SHA256(hex(i.certificate)))));
    const context = cat('cpns/v1/entity-user-key', LP(i.entity), LP(i.user));
    return { enc, secret: labeledExpand(hpkeSuite, exporter, 'sec', context, 32) };
  },
  'hpke-key-pair': (i) => deriveKeyPair(hex(i.seed)),
  'renew-auth': (i) => ({ authKey: HKDF(hex(i.entityUserKey), none, cat('cpns/v1/renew-auth')) }),
  'renew-mac': (i) => ({ mac: HMAC(hex(i.confirmKey), cat('cpns/v1/renew', LP(hex(i.keyId)), request(i))) }),
  proof: (i) => {
    const bound = cat(LP(i.audience), LP(i.method), LP(i.entity), u64(i.timeMs), hex(i.nonce), SHA256(hex(i.request)));
    const mac = HMAC(hex(i.confirmKey), cat('cpns/v1/proof', bound));
    return { proof: cat(hex(i.keyId), LP(i.entity), u64(i.timeMs), hex(i.nonce), mac) };
  },
  'verifier-time': (i) => ({
    mac: HMAC(hex(i.confirmKey), cat('cpns/v1/verifier-time', LP(i.audience), hex(i.nonce), u64(i.verifierTimeMs))),
  }),
  signature: (i, o) => {
    const key = createPublicKey({ key: hex(i.spki), format: 'der', type: 'spki' });
    const ways = {
      ec: { digest: 'sha256', options: { dsaEncoding: 'der' } },
      rsa: { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
      ed25519: { digest: null, options: {} },
    } as const;
    const way = ways[key.asymmetricKeyType as keyof typeof ways];
    const genuine = verify(way.digest, hex(i.message), { key, ...way.options }, hex(o.signature));
    // a signature is not recomputed, it is judged
    return { signature: genuine ? hex(o.signature) : 'does not verify' };
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
    const lines = files.map((file) => `${SHA256(readFileSync(join(directory, file))).toString('hex')}  ${file}`);
    expect(lines).toEqual(readFileSync(join(directory, 'SHA256SUMS'), 'utf8').trimEnd().split('\n'));
  });

  it('this file imports nothing but node:crypto, node:fs and node:path', () => {
    const imported = [...readFileSync(__filename, 'utf8').matchAll(/^.*from '([^']+)';$/gm)].map(([, name]) => name);
    expect(imported.sort()).toEqual(['node:crypto', 'node:fs', 'node:path']);
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
