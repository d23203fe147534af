import { createECDH } from 'node:crypto';
import { HpkePrivateKey, systemRandom } from '@cpns/core';
import { reasonOf, SeededRandom } from '@cpns/core/testing';
import {
  checkHpkePublicKey,
  decapsulate,
  encapsulate,
  firstPrivateKey,
  generateHpkeKeyPair,
  hpkePublicKey,
  openWithPsk,
  sealWithPsk,
} from './hpke';

const pointAs = (format: 'uncompressed' | 'compressed' | 'hybrid'): Buffer => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(Buffer.alloc(32, 7));
  return ecdh.getPublicKey(null, format);
};
const ofAnotherCurve = (curve: string): Buffer => createECDH(curve).generateKeys();
const withLead = (lead: number): Buffer => Buffer.concat([Buffer.of(lead), pointAs('uncompressed').subarray(1)]);
const changed = (at: number): Buffer => {
  const point = pointAs('uncompressed');
  point[at] = point.readUInt8(at) ^ 1;
  return point;
};

describe('one-time keys', () => {
  it('are fresh, and of the sizes of RFC 9180, 7.1', () => {
    const [one, two] = [generateHpkeKeyPair(systemRandom), generateHpkeKeyPair(systemRandom)];
    expect(one.publicKey).toHaveLength(65);
    expect(one.privateKey.expose()).toHaveLength(32);
    expect(one.publicKey).not.toEqual(two.publicKey);
  });

  it('survive being stored: the private bytes give the public key again', () => {
    const { privateKey, publicKey } = generateHpkeKeyPair(new SeededRandom('stored'));
    expect(hpkePublicKey(new HpkePrivateKey(Buffer.from(privateKey.expose())))).toEqual(publicKey);
  });

  it('are pairs of P-256', () => {
    const { privateKey, publicKey } = generateHpkeKeyPair(systemRandom);
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(privateKey.expose());
    expect(ecdh.getPublicKey()).toEqual(publicKey);
  });
});

describe('a public key is taken, by check, Encap and Decap', () => {
  const { privateKey } = generateHpkeKeyPair(systemRandom);
  it.each([
    ['an uncompressed point', pointAs('uncompressed'), 'accepted'],
    ['nothing', Buffer.alloc(0), 'FIELD_MISSING'],
    ['a compressed point', pointAs('compressed'), 'FIELD_SIZE'],
    ['the point at infinity', Buffer.of(0), 'FIELD_SIZE'],
    ['one byte more', Buffer.concat([pointAs('uncompressed'), Buffer.of(0)]), 'FIELD_SIZE'],
    ['a point in the hybrid form', pointAs('hybrid'), 'MALFORMED_MESSAGE'],
    ['a compressed lead before 64 bytes', withLead(0x02), 'MALFORMED_MESSAGE'],
    ['no lead', withLead(0x00), 'MALFORMED_MESSAGE'],
    ['a point off the curve, by x', changed(32), 'MALFORMED_MESSAGE'],
    ['a point off the curve, by y', changed(64), 'MALFORMED_MESSAGE'],
    ['zero coordinates', Buffer.concat([Buffer.of(4), Buffer.alloc(64)]), 'MALFORMED_MESSAGE'],
    ['coordinates beyond the field', Buffer.concat([Buffer.of(4), Buffer.alloc(64, 0xff)]), 'MALFORMED_MESSAGE'],
    ['a point of secp256k1', ofAnotherCurve('secp256k1'), 'MALFORMED_MESSAGE'],
    ['a point of P-384', ofAnotherCurve('secp384r1'), 'FIELD_SIZE'],
  ])('%s', (_what, bytes, reason) => {
    expect(reasonOf(() => checkHpkePublicKey(bytes))).toBe(reason);
    expect(reasonOf(() => encapsulate(bytes, systemRandom))).toBe(reason);
    expect(reasonOf(() => decapsulate(privateKey, bytes))).toBe(reason);
  });
});

const ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
const lastOf = (digits: string): Buffer => Buffer.from(ORDER.slice(0, -digits.length) + digits, 'hex');

describe('firstPrivateKey', () => {
  it.each([
    ['the first', [lastOf('50'), lastOf('4f')], lastOf('50')],
    ['1', [Buffer.from('01'.padStart(64, '0'), 'hex')], Buffer.from('01'.padStart(64, '0'), 'hex')],
    ['one after zero', [Buffer.alloc(32), lastOf('50')], lastOf('50')],
    ['one after the order', [lastOf('51'), lastOf('50')], lastOf('50')],
    ['one after what is larger', [lastOf('52'), Buffer.alloc(32, 0xff), lastOf('50')], lastOf('50')],
  ])('takes %s', (_what, candidates, taken) => {
    expect(firstPrivateKey((counter) => candidates[counter]!)).toEqual(taken);
  });

  it('gives up after 256 candidates, numbered from 0', () => {
    const asked: number[] = [];
    expect(() => firstPrivateKey((counter) => (asked.push(counter), lastOf('51')))).toThrow(RangeError);
    expect(asked).toEqual(Array.from({ length: 256 }, (_, n) => n));
  });
});

describe('a private key', () => {
  const enc = pointAs('uncompressed');
  it.each([
    ['zero', Buffer.alloc(32)],
    ['the order', lastOf('51')],
  ])('is not %s', (_what, bytes) => {
    expect(() => hpkePublicKey(new HpkePrivateKey(bytes))).toThrow('Private key is not valid for specified curve');
    expect(() => decapsulate(new HpkePrivateKey(bytes), enc)).toThrow('Private key is not valid for specified curve');
  });
});

describe('mode_psk', () => {
  const psk = { id: Buffer.from('id'), key: Buffer.alloc(32, 1) };
  const info = Buffer.from('info');
  const { privateKey, publicKey: recipientKey } = generateHpkeKeyPair(systemRandom);
  const seal = (changed: Partial<typeof psk>) =>
    sealWithPsk({ info, psk: { ...psk, ...changed }, recipientKey }, Buffer.from('text'), systemRandom);

  it.each([
    ['an id', { id: Buffer.alloc(0) }],
    ['32 bytes', { key: Buffer.alloc(31, 1) }],
    ['a key', { key: Buffer.alloc(0) }],
  ])('needs %s', (_what, changed) => {
    expect(() => seal({})).not.toThrow();
    expect(() => seal(changed)).toThrow(RangeError);
  });

  it.each([0, 1, 15, 16])('does not open %i bytes', (size) => {
    const { enc, ciphertext } = seal({});
    const open = (given: Uint8Array) => () =>
      openWithPsk({ info, psk, privateKey, sealed: { enc, ciphertext: given } });
    expect(reasonOf(open(ciphertext))).toBe('accepted');
    expect(reasonOf(open(ciphertext.subarray(0, size)))).toBe('REPLY_MAC');
  });

  it('leaves nothing of what its ephemeral key was made from', () => {
    const drawn = [Buffer.alloc(32, 5)];
    sealWithPsk({ info, psk, recipientKey }, Buffer.from('text'), { bytes: () => drawn[0]! });
    expect(drawn).toEqual([Buffer.alloc(32)]);
  });
});
