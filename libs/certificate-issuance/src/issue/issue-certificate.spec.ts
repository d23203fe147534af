import { duration, type Random } from '@cpns/core';
import { reasonOf, reasonOfAsync, SeededRandom, itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { parseCertificate } from '../certificate/parse-certificate';
import { verifyChain } from '../chain/verify-chain';
import { createCsr } from '../csr/create-csr';
import { parseCsr } from '../csr/parse-csr';
import { KEY_KINDS } from '../keys/public-key';
import type { Signer } from '../keys/signer';
import { PROFILES } from '../profiles/profiles';
import {
  CAMERA,
  eachTestWorld,
  GATEWAY,
  issue,
  issuerOf,
  newSigner,
  OPERATOR,
  OTHER_CAMERA,
  OTHER_GATEWAY,
  PN1,
  SERVICE,
  type Authority,
  world,
} from '../testing';
import { BACKDATING, issueCertificate } from './issue-certificate';
import { createIssuer } from './issuer';
import { HOSTS_MAX, type IssueRequest } from './request';
import { newSerial } from './serial';

eachTestWorld();

const ENTITY = { profile: 'target-entity', uri: CAMERA } as const;

describe('from a request to a certificate', () => {
  it.each(KEY_KINDS)('takes the %s key, and nothing else', async (kind) => {
    const signer = newSigner(kind);
    const csr = parseCsr(await createCsr(signer, { uri: OTHER_CAMERA }));
    const issued = await issue('server', { profile: 'target-entity', uri: CAMERA, key: csr.key });
    const peer = verifyChain({ chain: issued.chain, root: world.root, now: world.clock.now() });
    expect(peer.subject.name.uri).toBe(CAMERA);
    expect(peer.spki).toEqual(signer.publicKey.spki);
    expect(peer.keyKind).toBe(kind);
  });
});

describe('a request that is refused before anything is signed', () => {
  const KMC = { profile: 'service', uri: SERVICE };
  const CA = { profile: 'gateway-ca', uri: GATEWAY };
  const ACTING = { profile: 'gateway-identity', uri: OTHER_GATEWAY };
  const OPERATING = { profile: 'operator', uri: OPERATOR };
  const end = (notAfter: number) => ({ ...ENTITY, notAfter });
  const named = (...dnsNames: string[]) => ({ ...KMC, dnsNames });
  const addressed = (...ipAddresses: string[]) => ({ ...KMC, ipAddresses });
  const ISSUING = { profile: 'issuing-ca' };
  const hosts = (count: number) => Array.from({ length: count }, (_, i) => `h${i}.example.org`);

  it.each<[string, string, Authority, object, object]>([
    ['a service of an entity CA', 'CERTIFICATE_ROLE', 'server', ENTITY, KMC],
    ['an authority below a gateway’s', 'CERTIFICATE_ROLE', 'gateway', ENTITY, CA],
    ['an entity of the issuing CA', 'CERTIFICATE_ROLE', 'issuing', KMC, ENTITY],
    ['an entity of the root', 'CERTIFICATE_ROLE', 'root', ISSUING, ENTITY],
    ['an issuing CA of an issuing CA', 'CERTIFICATE_ROLE', 'issuing', { profile: 'server-entity-ca' }, ISSUING],
    ['an entity of another PN', 'PN_MISMATCH', 'gateway', ENTITY, { ...ENTITY, uri: OTHER_CAMERA }],
    ['an entity that is a service', 'NAME_INVALID', 'server', ENTITY, { ...ENTITY, uri: SERVICE }],
    ['an entity with user-info', 'NAME_INVALID', 'server', ENTITY, { ...ENTITY, uri: `cpns://a:x@${PN1}/pne/camera` }],
    ['no entity', 'FIELD_MISSING', 'server', ENTITY, { ...ENTITY, uri: '' }],
    ['an entity-id that is too long', 'FIELD_TOO_LONG', 'server', ENTITY, { ...ENTITY, uri: CAMERA + 'a'.repeat(60) }],
    ['a URI that is too long', 'FIELD_TOO_LONG', 'server', ENTITY, { ...ENTITY, uri: CAMERA + 'a'.repeat(600) }],
    ['a gateway CA for a PNE', 'NAME_INVALID', 'issuing', CA, { ...CA, uri: CAMERA }],
    ['a gateway CA with a user', 'NAME_INVALID', 'issuing', CA, { ...CA, uri: `${GATEWAY}?user=a` }],
    ['a gateway’s identity for a PNE', 'NAME_INVALID', 'issuing', ACTING, { ...ACTING, uri: CAMERA }],
    ['an operator that is a service', 'NAME_INVALID', 'issuing', OPERATING, { ...OPERATING, uri: SERVICE }],
    ['an end in the past', 'FIELD_OUT_OF_RANGE', 'server', end(Date.UTC(2026, 0, 2)), end(Date.UTC(2025, 0, 2))],
    ['an end that is no number', 'FIELD_OUT_OF_RANGE', 'server', ENTITY, end(NaN)],
    ['an end beyond all time', 'FIELD_OUT_OF_RANGE', 'server', ENTITY, end(Infinity)],
    ['a wildcard', 'NAME_INVALID', 'issuing', named('a.example.org'), named('*.example.org')],
    ['a DNS name in upper case', 'NAME_INVALID', 'issuing', KMC, named('KMC')],
    ['a DNS name with a zero byte', 'NAME_INVALID', 'issuing', KMC, named('a\0b')],
    ['an empty DNS name', 'NAME_INVALID', 'issuing', KMC, named('')],
    ['an address that is none', 'NAME_INVALID', 'issuing', addressed('::1'), addressed('::1%eth0')],
    ['too many names', 'FIELD_TOO_LONG', 'issuing', named(...hosts(HOSTS_MAX)), named(...hosts(HOSTS_MAX + 1))],
  ])('%s: %s', async (_what, reason, authority, good, bad) => {
    expect(await reasonOfAsync(() => issue(authority, good))).toBe('accepted');
    const { signer, ...issuer } = issuerOf(authority);
    const sign = jest.fn((tbs: Buffer) => signer.sign(tbs));
    const counted = { ...issuer, signer: { ...signer, sign } };
    const request = { key: world.leafKey, ...bad } as IssueRequest;
    expect(await reasonOfAsync(() => issueCertificate(counted, request, world.context))).toBe(reason);
    expect(sign).not.toHaveBeenCalled();
  });

  it('any, once the authority has expired', async () => {
    const { notAfter } = world.gatewayCa.certificate;
    const at = (now: number) =>
      reasonOfAsync(() =>
        issueCertificate(
          world.gatewayCa,
          { ...ENTITY, key: world.leafKey },
          {
            ...world.context,
            clock: { now: () => now },
          },
        ),
      );
    expect(await at(notAfter - 1000)).toBe('accepted');
    expect(await at(notAfter + 1)).toBe('CERTIFICATE_EXPIRED');
    expect(await at(world.gatewayCa.certificate.notBefore - 1)).toBe('CERTIFICATE_EXPIRED');
  });

  it('whatever it breaks, when what was built would break the profile', async () => {
    // an authority whose clock says that it began after it ended: nothing of it may be signed
    const issuer = issuerOf('server');
    const broken = {
      ...issuer,
      certificate: { ...issuer.certificate, notBefore: world.clock.now(), notAfter: world.clock.now() + 500 },
    };
    const sign = jest.fn();
    const request = { ...ENTITY, key: world.leafKey };
    const clock = { now: () => world.clock.now() + 100 };
    expect(await reasonOfAsync(() => issueCertificate(broken, request, { ...world.context, clock }))).toBe('accepted');
    const lying = {
      ...broken,
      parts: { ...broken.parts, algorithm: issuer.parts.issuerName },
      signer: { ...issuer.signer, sign },
    };
    expect(await reasonOfAsync(() => issueCertificate(lying, request, { ...world.context, clock }))).toBe('INTERNAL');
    expect(sign).not.toHaveBeenCalled();
  });
});

describe('validity', () => {
  it('begins a little earlier, but not before the authority’s own', async () => {
    const early = await issue('server', ENTITY);
    expect(early.notBefore).toBe(world.pki.serverEntityCa.issuer.certificate.notBefore);
    const now = world.clock.now() + duration(1, 'hour');
    const context = { ...world.context, clock: { now: () => now } };
    const request = { ...ENTITY, key: world.leafKey };
    expect((await issueCertificate(issuerOf('server'), request, context)).notBefore).toBe(now - BACKDATING);
  });

  it('ends when it was asked to, at the profile’s limit or with the issuer, whichever is first', async () => {
    const now = world.clock.now();
    const end = async (authority: Authority, notAfter?: number) =>
      (await issue(authority, { ...ENTITY, ...(notAfter !== undefined && { notAfter }) })).notAfter;
    expect(await end('server', now + 90_500)).toBe(now + 90_000);
    expect(await end('server')).toBe(now + PROFILES['target-entity'].maxLifetime);
    expect(await end('server', Date.UTC(2099, 0, 1))).toBe(now + PROFILES['target-entity'].maxLifetime);
    expect(await end('gateway')).toBe(world.gatewayCa.certificate.notAfter);
    expect(world.gatewayCa.certificate.notAfter).toBe(now + PROFILES['gateway-ca'].maxLifetime);
  });

  it('is written as it is returned', async () => {
    const issued = await issue('server', ENTITY);
    const { notBefore, notAfter, serial, fingerprint } = parseCertificate(issued.der);
    expect(issued).toMatchObject({ notBefore, notAfter, serial, fingerprint });
  });
});

describe('serial numbers', () => {
  it('are positive, of 20 bytes, and never the same twice', () => {
    const random = new SeededRandom('serials');
    const serials = Array.from({ length: 1000 }, () => newSerial(random));
    expect(new Set(serials.map((serial) => serial.toString('hex'))).size).toBe(1000);
    expect(serials.every((serial) => serial.length === 20 && serial[0]! >= 0x40 && serial[0]! < 0x80)).toBe(true);
  });

  itHolds(
    'use every byte of the generator but two bits',
    [fc.uint8Array({ minLength: 20, maxLength: 20 })],
    (bytes) => {
      const random: Random = { bytes: (size) => Buffer.alloc(size, bytes) };
      const serial = newSerial(random);
      expect(serial.subarray(1)).toEqual(Buffer.from(bytes.subarray(1)));
      expect(serial[0]! & 0x3f).toBe(bytes[0]! & 0x3f);
    },
  );
});

describe('an issuer', () => {
  it('may have its key elsewhere: what signs is a port', async () => {
    const { signer, chain } = world.pki.serverEntityCa.issuer;
    const remote: Signer = {
      publicKey: signer.publicKey,
      sign: async (tbs) => Promise.resolve(await signer.sign(tbs)),
    };
    const issued = await issueCertificate(
      createIssuer(chain, remote),
      { ...ENTITY, key: world.leafKey },
      world.context,
    );
    const judge = () => verifyChain({ chain: issued.chain, root: world.root, now: world.clock.now() });
    expect(reasonOf(judge)).toBe('accepted');
  });

  it('passes on that its signer failed', async () => {
    const { signer, chain } = world.pki.serverEntityCa.issuer;
    const broken = createIssuer(chain, {
      publicKey: signer.publicKey,
      sign: () => Promise.reject(new Error('token removed')),
    });
    await expect(issueCertificate(broken, { ...ENTITY, key: world.leafKey }, world.context)).rejects.toThrow(
      'token removed',
    );
  });

  it('names the gateway that it belongs to', () => {
    expect(world.gatewayCa.gateway?.uri).toBe(GATEWAY);
    expect(world.pki.serverEntityCa.issuer.gateway).toBeUndefined();
  });

  it.each<[string, string, () => unknown]>([
    ['another key', 'CONFIGURATION_INVALID', () => createIssuer(world.gatewayCa.chain, newSigner())],
    ['no certificate', 'CONFIGURATION_INVALID', () => createIssuer([], newSigner())],
    [
      'a leaf’s certificate',
      'CERTIFICATE_ROLE',
      async () => createIssuer((await issue('server', ENTITY)).chain, newSigner()),
    ],
    ['bytes', 'CERTIFICATE_MALFORMED', () => createIssuer([Buffer.alloc(9)], newSigner())],
  ])('is not made of %s: %s', async (_what, reason, make) => {
    expect(await reasonOfAsync(make)).toBe(reason);
  });
});
