import { duration } from '@cpns/core';
import { reasonOf, reasonOfAsync, itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import type { IssuedCertificate } from '../issue/issue-certificate';
import type { Issuer } from '../issue/issuer';
import { CAMERA, eachTestWorld, issue, newSigner, opensslOk, opensslVerify, world } from '../testing';
import { buildCrl, type CrlRequest, type Revocation } from './build-crl';
import { isRevoked, parseCrl, verifyCrl } from './parse-crl';

let now: number;
let good: IssuedCertificate;
let bad: IssuedCertificate;

eachTestWorld();
beforeAll(async () => {
  now = world.clock.now();
  const leaf = () => issue('server', { profile: 'target-entity', uri: CAMERA });
  [good, bad] = [await leaf(), await leaf()];
});

const server = (): Issuer => world.pki.serverEntityCa.issuer;
const revoked = (): Revocation => ({ serial: bad.serial, revokedAt: now });
const WEEK = duration(7, 'day');
const list = (revocations: readonly Revocation[], edit: Partial<CrlRequest> = {}): CrlRequest => ({
  revocations,
  number: 7n,
  thisUpdate: now,
  nextUpdate: now + WEEK,
  ...edit,
});

describe('a revocation list', () => {
  it('says what OpenSSL reads of it', async () => {
    const crl = await buildCrl(server(), list([{ ...revoked(), reason: 'keyCompromise' }]));
    const text = opensslOk(['crl', '-inform', 'DER', '-noout', '-text'], crl).toString();
    expect(text).toContain('Version 2 (0x1)');
    expect(text).toMatch(/X509v3 CRL Number:\s+7\s/);
    expect(text).toContain(`Serial Number: ${bad.serial.toString('hex').toUpperCase()}`);
    expect(text).toMatch(/X509v3 CRL Reason Code:\s+Key Compromise/);
    expect(text).toContain('Next Update: Jan  8 00:00:00 2026 GMT');
  });

  it('is taken by openssl verify -crl_check, for the good and against the bad', async () => {
    const crl = await buildCrl(server(), list([revoked()]));
    const check = (chain: readonly Buffer[]) => opensslVerify({ chain, at: now, crls: [crl], crlCheck: '-crl_check' });
    expect(check(good.chain).text).toMatch(/OK/);
    expect(check(bad.chain)).toMatchObject({
      accepted: false,
      text: expect.stringMatching(/certificate revoked/) as string,
    });
  });

  it('of every authority lets openssl verify -crl_check_all reject an entity CA that was taken back', async () => {
    const { root, issuingCa } = world.pki;
    const empty = await buildCrl(server(), list([]));
    const rootList = await buildCrl(root.issuer, list([]));
    const entityCa = server().certificate.serial;
    const check = async (revocations: readonly Revocation[]) => {
      const crls = [empty, rootList, await buildCrl(issuingCa.issuer, list(revocations))];
      return opensslVerify({ chain: good.chain, at: now, crls, crlCheck: '-crl_check_all' }).accepted;
    };
    expect(await check([])).toBe(true);
    expect(await check([{ serial: entityCa, revokedAt: now, reason: 'cACompromise' }])).toBe(false);
  });

  it('is read as it was written', async () => {
    const serial = fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .filter((bytes) => bytes[0] !== 0)
      .map((bytes) => Buffer.from(bytes));
    const second = fc.integer({ min: Date.UTC(2000, 0, 1) / 1000, max: now / 1000 }).map((at) => at * 1000);
    const reason = fc.constantFrom('keyCompromise' as const, 'superseded' as const, undefined);
    const entry = fc
      .tuple(serial, second, reason)
      .map(([s, revokedAt, r]) => (r === undefined ? { serial: s, revokedAt } : { serial: s, revokedAt, reason: r }));
    const entries = fc.uniqueArray(entry, { selector: (e) => e.serial.toString('hex'), maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(entries, fc.bigInt({ min: 0n, max: (1n << 159n) - 1n }), async (revocations, number) => {
        const crl = verifyCrl({
          crl: await buildCrl(server(), list(revocations, { number })),
          issuerDer: server().certificate.der,
          now,
        });
        expect({ ...crl, revocations: [...crl.revocations.values()] }).toMatchObject({
          number,
          thisUpdate: now,
          nextUpdate: now + WEEK,
          revocations,
        });
        expect(revocations.every((r) => isRevoked(crl, r.serial))).toBe(true);
        expect(isRevoked(crl, Buffer.alloc(20, 0x33))).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a list that is refused', () => {
  const verdict = (crl: Uint8Array, edit: { issuerDer?: Buffer; now?: number } = {}) =>
    reasonOf(() => verifyCrl({ crl, issuerDer: server().certificate.der, now, ...edit }));
  const genuine = () => buildCrl(server(), list([revoked()]));

  it.each<[string, string, () => Buffer | Promise<Buffer>]>([
    ['signed by another key', 'CERTIFICATE_CHAIN', () => buildCrl({ ...server(), signer: newSigner() }, list([]))],
    ['of another authority', 'CERTIFICATE_CHAIN', () => buildCrl(world.gatewayCa, list([]))],
    ['that comes too early', 'CERTIFICATE_EXPIRED', () => buildCrl(server(), list([], { thisUpdate: now + 1000 }))],
    [
      'that should have been replaced',
      'CERTIFICATE_EXPIRED',
      () => buildCrl(server(), list([], { thisUpdate: now - 2000, nextUpdate: now })),
    ],
    ['with a serial number twice', 'CERTIFICATE_MALFORMED', () => buildCrl(server(), list([revoked(), revoked()]))],
    ['with bytes after it', 'CERTIFICATE_MALFORMED', async () => Buffer.concat([await genuine(), Buffer.alloc(1)])],
    ['that is a certificate', 'CERTIFICATE_MALFORMED', () => good.der],
    ['of no bytes', 'CERTIFICATE_MALFORMED', () => Buffer.alloc(0)],
  ])('%s: %s', async (_what, reason, make) => {
    expect(verdict(await genuine())).toBe('accepted');
    expect(verdict(await make())).toBe(reason);
  });

  it('under what is no authority', async () => {
    expect(verdict(await genuine(), { issuerDer: good.der })).toBe('CERTIFICATE_ROLE');
  });

  it('with any byte changed', async () => {
    const crl = await genuine();
    fc.assert(
      fc.property(fc.nat(crl.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const altered = Buffer.from(crl);
        altered[at] = altered[at]! ^ flip;
        expect(verdict(altered)).toMatch(/^CERTIFICATE_/);
      }),
      { numRuns: 500 },
    );
  });

  itHolds('for any bytes at all', [fc.uint8Array({ maxLength: 300 })], (data) =>
    expect(reasonOf(() => parseCrl(data))).toBe('CERTIFICATE_MALFORMED'),
  );
});

const FUTURE = Date.UTC(2099, 0, 1);
const entry = (bytes: number, revokedAt = 0) => ({ revocations: [{ serial: Buffer.alloc(bytes, 1), revokedAt }] });
it.each<[string, string, Partial<CrlRequest>]>([
  ['a negative number', 'FIELD_OUT_OF_RANGE', { number: -1n }],
  ['a number of 21 bytes', 'FIELD_OUT_OF_RANGE', { number: 1n << 160n }],
  ['an end before its beginning', 'FIELD_OUT_OF_RANGE', { nextUpdate: 0 }],
  ['no serial number', 'FIELD_SIZE', entry(0)],
  ['a serial number of 21 bytes', 'FIELD_SIZE', entry(21)],
  ['a revocation to come', 'FIELD_OUT_OF_RANGE', entry(20, FUTURE)],
  [
    'a time after its authority',
    'CERTIFICATE_EXPIRED',
    { thisUpdate: FUTURE, nextUpdate: FUTURE + duration(1, 'day') },
  ],
])('no list is made with %s: %s', async (_what, reason, edit) => {
  expect(await reasonOfAsync(() => buildCrl(server(), list([])))).toBe('accepted');
  expect(await reasonOfAsync(() => buildCrl(server(), list([], edit)))).toBe(reason);
});
