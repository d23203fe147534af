import { reasonOf } from '@cpns/core/testing';
import fc from 'fast-check';
import { issueCertificate } from '../issue/issue-certificate';
import { createIssuer } from '../issue/issuer';
import { KEY_KINDS } from '../keys/public-key';
import { createDevelopmentPki } from '../pki/development-pki';
import type { ProfileId } from '../profiles/profile';
import {
  CAMERA,
  eachTestWorld,
  GATEWAY,
  issue,
  mint,
  mintChain,
  newSigner,
  OPERATOR,
  PN1,
  SERVICE,
  TRUST_DOMAIN,
  type Alteration,
  type Authority,
  world,
} from '../testing';
import { verifyChain } from './verify-chain';

eachTestWorld();

const verify = (chain: readonly Uint8Array[], now = world.clock.now()) => verifyChain({ chain, root: world.root, now });
const verdict = (chain: readonly Uint8Array[], now?: number) => reasonOf(() => verify(chain, now));

const SECOND = `cpns://${PN1}/pn-gw/second`;

describe('a peer, by who issued its certificate', () => {
  it.each<[string, Authority, ProfileId, string, string]>([
    ['an entity that the Server keyed', 'server', 'target-entity', CAMERA, 'target-entity of server-entity-ca'],
    ['one with a user', 'server', 'target-entity', `${CAMERA}?user=alice`, 'target-entity of server-entity-ca'],
    ['an entity that a gateway keyed', 'gateway', 'target-entity', CAMERA, 'target-entity of gateway-ca'],
    ['a target PN GW has no role of a gateway', 'gateway', 'target-entity', SECOND, 'target-entity of gateway-ca'],
    ['nor when the Server keyed it', 'server', 'target-entity', GATEWAY, 'target-entity of server-entity-ca'],
    ['an acting PN GW', 'issuing', 'gateway-identity', GATEWAY, 'pn-gw of issuing-ca'],
    ['a service', 'issuing', 'service', SERVICE, 'service of issuing-ca'],
    ['an operator', 'issuing', 'operator', OPERATOR, 'operator of issuing-ca'],
  ])('%s', async (_what, authority, profile, uri, expected) => {
    const { chain, fingerprint, serial, notAfter } = await issue(authority, { profile, uri });
    const [entity, user = ''] = uri.split('?user=');
    const [role, issuedBy] = expected.split(' of ');
    expect(verify(chain)).toMatchObject({
      role,
      issuedBy,
      ...(authority === 'gateway' && { issuer: { uri: GATEWAY } }),
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
    const chain = await mintChain('server');
    const of = (trustDomain: string) =>
      reasonOf(() => verifyChain({ chain, root: world.root, now: world.clock.now(), trustDomain }));
    expect(of(TRUST_DOMAIN)).toBe('accepted');
    expect(of('example.net')).toBe('TRUST_DOMAIN');
    expect(of(PN1)).toBe('TRUST_DOMAIN');
  });
});

describe('a chain that does not hold together', () => {
  type Alter = (good: readonly Buffer[]) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  const inPlaceOf =
    (make: () => Buffer | Promise<Buffer>): Alter =>
    async ([leaf, , ...rest]) => [leaf!, await make(), ...rest];
  const withLeaf =
    (edit: (leaf: Buffer) => Buffer): Alter =>
    ([leaf, ...rest]) => [edit(leaf!), ...rest];
  const CASES: [string, Alter, string?][] = [
    ['no certificate', () => []],
    ['the leaf alone', (good) => good.slice(0, 1)],
    ['the leaf and the root', (good) => [good[0]!, good.at(-1)!]],
    ['no gateway CA', ([leaf, , ...rest]) => [leaf!, ...rest]],
    ['no issuing CA', ([leaf, gateway, , root]) => [leaf!, gateway!, root!]],
    ['the wrong order', ([leaf, gateway, issuing, root]) => [leaf!, issuing!, gateway!, root!]],
    ['a certificate twice', ([leaf, gateway, issuing, root]) => [leaf!, gateway!, issuing!, issuing!, root!]],
    ['the root twice', (good) => [...good, good.at(-1)!]],
    ['another root with the same key', async (good) => [...good.slice(0, -1), await otherRoot()]],
    ['another gateway’s CA', inPlaceOf(() => world.otherGatewayCa.chain[0]!)],
    ['the Server entity CA in its place', inPlaceOf(() => world.pki.serverEntityCa.chain[0]!)],
    ['a gateway’s identity in its place', inPlaceOf(() => identity())],
    ['the gateway CA as the leaf', ([, ...rest]) => rest, 'CERTIFICATE_ROLE'],
    ['the issuing CA as the leaf', ([, , ...rest]) => rest],
    ['bytes after a certificate', withLeaf((leaf) => Buffer.concat([leaf, Buffer.alloc(1)])), 'CERTIFICATE_MALFORMED'],
    [
      'a certificate of 8 KiB and more',
      withLeaf((leaf) => Buffer.concat([leaf, Buffer.alloc(8192)])),
      'CERTIFICATE_MALFORMED',
    ],
    ['no bytes', withLeaf(() => Buffer.alloc(0)), 'CERTIFICATE_MALFORMED'],
  ];

  const otherRoot = async () =>
    mint(world.pki.root.issuer, { profile: 'root-ca', key: world.pki.root.issuer.signer.publicKey });
  const identity = async () =>
    mint(world.pki.issuingCa.issuer, { profile: 'gateway-identity', uri: GATEWAY, key: world.leafKey });

  it.each(CASES)('%s', async (_what, alter, reason = 'CERTIFICATE_CHAIN') => {
    const good = await mintChain('gateway');
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
    const chain = await mintChain('server');
    const pinned = (root: Uint8Array) => reasonOf(() => verifyChain({ chain, root, now: world.clock.now() }));
    expect(pinned(world.root)).toBe('accepted');
    expect(pinned(world.pki.issuingCa.chain[0]!)).toBe('CERTIFICATE_CHAIN');
  });
});

describe('time', () => {
  it('is within the validity of every certificate, to the second', async () => {
    const chain = await mintChain('gateway');
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
    const good = (await mintChain(authority, edit)).slice(0, -1);
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
    const [leaf, ...above] = await mintChain('gateway');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(leaf!.length), fc.nat(leaf!.length), (noise, from, to) => {
        const spliced = Buffer.concat([leaf!.subarray(0, from), noise, leaf!.subarray(to)]);
        if (!spliced.equals(leaf!)) expect(verdict([spliced, ...above])).not.toBe('accepted');
      }),
      { numRuns: 1000 },
    );
  });
});
