import { createECDH } from 'node:crypto';
import { HpkePrivateKey, systemRandom } from '@cpns/core';
import { reasonOfAsync, SeededRandom } from '@cpns/core/testing';
import { checkHpkePublicKey, generateHpkeKeyPair, hpkePublicKey } from './hpke';

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
  it('are fresh, and of the sizes of RFC 9180, 7.1', async () => {
    const [one, two] = [await generateHpkeKeyPair(systemRandom), await generateHpkeKeyPair(systemRandom)];
    expect(one.publicKey).toHaveLength(65);
    expect(one.privateKey.expose()).toHaveLength(32);
    expect(one.publicKey).not.toEqual(two.publicKey);
  });

  it('survive being stored: the private bytes give the public key again', async () => {
    const { privateKey, publicKey } = await generateHpkeKeyPair(new SeededRandom('stored'));
    expect(hpkePublicKey(new HpkePrivateKey(Buffer.from(privateKey.expose())))).toEqual(publicKey);
  });

  it('are pairs of P-256', async () => {
    const { privateKey, publicKey } = await generateHpkeKeyPair(systemRandom);
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(privateKey.expose());
    expect(ecdh.getPublicKey()).toEqual(publicKey);
  });
});

describe('checkHpkePublicKey', () => {
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
  ])('%s', async (_what, bytes, reason) => {
    expect(await reasonOfAsync(() => checkHpkePublicKey(bytes))).toBe(reason);
  });
});
