import { reasonOf } from '@cpns/core/testing';
import fc from 'fast-check';
import { issueCertificate } from '../issue/issue-certificate';
import { createIssuer } from '../issue/issuer';
import { KEY_KINDS } from '../keys/public-key';
import { createDevelopmentPki } from '../pki/development-pki';
import type { ProfileId } from '../profiles/profile';
import {
  CAMERA,
  createTestWorld,
  GATEWAY,
  issuerOf,
  mint,
  mintChain,
  newSigner,
  OPERATOR,
  PN1,
  SERVICE,
  TRUST_DOMAIN,
  type Alteration,
  type Authority,
  type TestWorld,
} from '../testing';
import { verifyChain } from './verify-chain';

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});

const verify = (chain: readonly Uint8Array[], now = world.clock.now()) => verifyChain({ chain, root: world.root, now });
const verdict = (chain: readonly Uint8Array[], now?: number) => reasonOf(() => verify(chain, now));

describe('a peer, by who issued its certificate', () => {
  it.each<[string, Authority, ProfileId, string, object]>([
    [
      'an entity that the Server keyed',
      'server',
      'target-entity',
      CAMERA,
      { role: 'target-entity', issuedBy: 'server-entity-ca' },
    ],
    [
      'one with a user',
      'server',
      'target-entity',
      `${CAMERA}?user=alice`,
      { role: 'target-entity', issuedBy: 'server-entity-ca' },
    ],
    [
      'an entity that a gateway keyed',
      'gateway',
      'target-entity',
      CAMERA,
      { role: 'target-entity', issuedBy: 'gateway-ca', issuer: expect.objectContaining({ uri: GATEWAY }) as object },
    ],
    [
      'a target PN GW has no role of a gateway',
      'gateway',
      'target-entity',
      `cpns://${PN1}/pn-gw/second`,
      { role: 'target-entity', issuedBy: 'gateway-ca' },
    ],
    [
      'nor when the Server keyed it',
      'server',
      'target-entity',
      GATEWAY,
      { role: 'target-entity', issuedBy: 'server-entity-ca' },
    ],
    ['an acting PN GW', 'issuing', 'gateway-identity', GATEWAY, { role: 'pn-gw', issuedBy: 'issuing-ca' }],
    ['a service', 'issuing', 'service', SERVICE, { role: 'service', issuedBy: 'issuing-ca' }],
    ['an operator', 'issuing', 'operator', OPERATOR, { role: 'operator', issuedBy: 'issuing-ca' }],
  ])('%s', async (_what, authority, profile, uri, expected) => {
    const request = { profile, uri, key: world.leafKey } as Parameters<typeof issueCertificate>[1];
    const { chain, fingerprint, serial, notAfter } = await issueCertificate(
      issuerOf(world, authority),
      request,
      world.context,
    );
    const [entity, user = ''] = uri.split('?user=');
    expect(verify(chain)).toMatchObject({
      ...expected,
      subject: { name: { uri: entity }, user },
      leafDer: chain[0],
      issuerDer: chain[1],
      fingerprint,
      serial,
      notAfter,
      keyKind: 'P-256',
      spki: world.leafKey.spki,
    });
    expect(verify(chain.slice(0, -1))).toEqual(verify(chain));
  });

  it.each(KEY_KINDS)('with an authority whose key is %s', async (kind) => {
    const signer = newSigner(kind);
    const request = { profile: 'gateway-ca', uri: GATEWAY, key: signer.publicKey } as const;
    const above = await issueCertificate(world.pki.issuingCa.issuer, request, world.context);
    const leafRequest = { profile: 'target-entity', uri: CAMERA, key: newSigner(kind).publicKey } as const;
    const { chain } = await issueCertificate(createIssuer(above.chain, signer), leafRequest, world.context);
    expect(verify(chain)).toMatchObject({ issuedBy: 'gateway-ca', keyKind: kind });
  });

  it('of this trust domain', async () => {
    const chain = await leafOf('server', {});
    const of = (trustDomain: string) =>
      reasonOf(() => verifyChain({ chain, root: world.root, now: world.clock.now(), trustDomain }));
    expect(of(TRUST_DOMAIN)).toBe('accepted');
    expect(of('example.net')).toBe('TRUST_DOMAIN');
    expect(of(PN1)).toBe('TRUST_DOMAIN');
  });
});

const leafOf = (authority: Authority, edit: Alteration = {}) => mintChain(world, authority, edit);

describe('a chain that does not hold together', () => {
  type Alter = (good: readonly Buffer[]) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  const CASES: [string, string, Alter][] = [
    ['no certificate', 'CERTIFICATE_CHAIN', () => []],
    ['the leaf alone', 'CERTIFICATE_CHAIN', (good) => good.slice(0, 1)],
    ['the leaf and the root', 'CERTIFICATE_CHAIN', (good) => [good[0]!, good.at(-1)!]],
    ['no gateway CA', 'CERTIFICATE_CHAIN', ([leaf, , ...rest]) => [leaf!, ...rest]],
    ['no issuing CA', 'CERTIFICATE_CHAIN', ([leaf, gateway, , root]) => [leaf!, gateway!, root!]],
    ['the wrong order', 'CERTIFICATE_CHAIN', ([leaf, gateway, issuing, root]) => [leaf!, issuing!, gateway!, root!]],
    [
      'a certificate twice',
      'CERTIFICATE_CHAIN',
      ([leaf, gateway, issuing, root]) => [leaf!, gateway!, issuing!, issuing!, root!],
    ],
    ['the root twice', 'CERTIFICATE_CHAIN', (good) => [...good, good.at(-1)!]],
    ['another root with the same key', 'CERTIFICATE_CHAIN', async (good) => [...good.slice(0, -1), await otherRoot()]],
    [
      'another gateway’s CA',
      'CERTIFICATE_CHAIN',
      ([leaf, , ...rest]) => [leaf!, world.otherGatewayCa.chain[0]!, ...rest],
    ],
    [
      'the Server entity CA in its place',
      'CERTIFICATE_CHAIN',
      ([leaf, , ...rest]) => [leaf!, world.pki.serverEntityCa.chain[0]!, ...rest],
    ],
    [
      'a gateway’s identity in its place',
      'CERTIFICATE_CHAIN',
      async ([leaf, , ...rest]) => [leaf!, await identity(), ...rest],
    ],
    ['the gateway CA as the leaf', 'CERTIFICATE_ROLE', ([, ...rest]) => rest],
    ['the issuing CA as the leaf', 'CERTIFICATE_CHAIN', ([, , ...rest]) => rest],
    [
      'bytes after a certificate',
      'CERTIFICATE_MALFORMED',
      ([leaf, ...rest]) => [Buffer.concat([leaf!, Buffer.alloc(1)]), ...rest],
    ],
    [
      'a certificate of 8 KiB and more',
      'CERTIFICATE_MALFORMED',
      ([leaf, ...rest]) => [Buffer.concat([leaf!, Buffer.alloc(8192)]), ...rest],
    ],
    ['no bytes', 'CERTIFICATE_MALFORMED', ([, ...rest]) => [Buffer.alloc(0), ...rest]],
  ];

  const otherRoot = async () =>
    mint(world.pki.root.issuer, { profile: 'root-ca', key: world.pki.root.issuer.signer.publicKey });
  const identity = async () =>
    mint(world.pki.issuingCa.issuer, { profile: 'gateway-identity', uri: GATEWAY, key: world.leafKey });

  it.each(CASES)('%s: %s', async (_what, reason, alter) => {
    const good = await leafOf('gateway', {});
    expect(verdict(good)).toBe('accepted');
    expect(verdict(await alter(good))).toBe(reason);
  });

  it('of another root', async () => {
    const other = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock: world.clock });
    const request = { profile: 'target-entity', uri: CAMERA, key: world.leafKey } as const;
    const { chain } = await issueCertificate(other.serverEntityCa.issuer, request, world.context);
    expect(reasonOf(() => verifyChain({ chain, root: other.root.chain[0]!, now: world.clock.now() }))).toBe('accepted');
    expect(verdict(chain)).toBe('CERTIFICATE_CHAIN');
    expect(verdict(chain.slice(0, -1))).toBe('CERTIFICATE_CHAIN');
  });

  it('pinned to what is no root', async () => {
    const chain = await leafOf('server', {});
    const pinned = (root: Uint8Array) => reasonOf(() => verifyChain({ chain, root, now: world.clock.now() }));
    expect(pinned(world.root)).toBe('accepted');
    expect(pinned(world.pki.issuingCa.chain[0]!)).toBe('CERTIFICATE_CHAIN');
  });
});

describe('time', () => {
  it('is within the validity of every certificate, to the second', async () => {
    const chain = await leafOf('gateway', {});
    const { notBefore, notAfter } = world.gatewayCa.certificate;
    expect(verdict(chain, notBefore)).toBe('accepted');
    expect(verdict(chain, notBefore - 1)).toBe('CERTIFICATE_EXPIRED');
    expect(verdict(chain, notAfter + 999)).toBe('accepted');
    expect(verdict(chain, notAfter + 1000)).toBe('CERTIFICATE_EXPIRED');
  });
});

describe('no other chain is accepted', () => {
  it.each(['issuing', 'server', 'gateway'] as const)('%s: any byte changed in any certificate', async (authority) => {
    const edit: Alteration = authority === 'issuing' ? { profile: 'service', uri: SERVICE } : {};
    const good = (await leafOf(authority, edit)).slice(0, -1);
    expect(verdict(good)).toBe('accepted');
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, flip) => {
        const altered = good.map((der) => Buffer.from(der));
        const der = altered[which]!;
        der[at % der.length] = der[at % der.length]! ^ flip;
        expect(verdict(altered)).not.toBe('accepted');
      }),
      { numRuns: 500 },
    );
  });

  it('and any bytes are answered with a reason', async () => {
    const [leaf, ...above] = await leafOf('gateway', {});
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(leaf!.length), fc.nat(leaf!.length), (noise, from, to) => {
        const spliced = Buffer.concat([leaf!.subarray(0, from), noise, leaf!.subarray(to)]);
        if (!spliced.equals(leaf!)) expect(verdict([spliced, ...above])).not.toBe('accepted');
      }),
      { numRuns: 1000 },
    );
  });
});
