import { duration } from '@cpns/core';
import fc from 'fast-check';
import { boolean, integer, oid, octets, sequence, utf8, type Asn1 } from '../der/asn1';
import { commonName, emptyName } from '../der/distinguished-name';
import { OID } from '../der/oids';
import { encodeTime } from '../der/time';
import { EXTENSIONS } from '../extensions';
import { extensionNode } from '../extensions/extension';
import { personalNetworkOnly } from '../extensions/name-constraints';
import { issueCertificate } from '../issue/issue-certificate';
import { createIssuer, type Issuer } from '../issue/issuer';
import { KEY_KINDS } from '../keys/public-key';
import { createDevelopmentPki } from '../pki/development-pki';
import type { ProfileId } from '../profiles/profile';
import {
  CAMERA,
  createTestWorld,
  GATEWAY,
  mint,
  newSigner,
  OTHER_CAMERA,
  PN1,
  PN2,
  reasonOf,
  replaced,
  TRUST_DOMAIN,
  without,
  type MintRequest,
  type TestWorld,
} from '../testing';
import { verifyChain } from './verify-chain';

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});

const KMC = `cpns://${TRUST_DOMAIN}/service/kmc`;
const ANN = `cpns://${TRUST_DOMAIN}/operator/ann`;

type Authority = 'issuing' | 'server' | 'gateway';
const issuerOf = (authority: Authority): Issuer =>
  ({ issuing: world.pki.issuingCa.issuer, server: world.pki.serverEntityCa.issuer, gateway: world.gatewayCa })[
    authority
  ];

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
    ['a service', 'issuing', 'service', KMC, { role: 'service', issuedBy: 'issuing-ca' }],
    ['an operator', 'issuing', 'operator', ANN, { role: 'operator', issuedBy: 'issuing-ca' }],
  ])('%s', async (_what, authority, profile, uri, expected) => {
    const request = { profile, uri, key: world.leafKey } as Parameters<typeof issueCertificate>[1];
    const { chain, fingerprint, serial, notAfter } = await issueCertificate(
      issuerOf(authority),
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

async function leafOf(authority: Authority, edit: Partial<MintRequest>): Promise<readonly Buffer[]> {
  const issuer = issuerOf(authority);
  const request = { profile: 'target-entity', key: world.leafKey, uri: CAMERA, ...edit } as const;
  return [await mint(issuer, request), ...issuer.chain];
}

const uri = (value: string) => ({ kind: 'uri', value }) as const;
const names = (...list: NonNullable<MintRequest['names']>): Partial<MintRequest> => ({ names: list });
const extensions = (edit: (list: Asn1[]) => Asn1[]): Partial<MintRequest> => ({ extensions: edit });
const field = (at: number, make: (old: Asn1) => Asn1): Partial<MintRequest> => ({
  fields: (list) => (list[at] = make(list[at]!)),
});

const SERVER_AUTH = (list: Asn1[]) => replaced(list, 'extendedKeyUsage', ['serverAuth', 'clientAuth'], false);
const DAY = duration(1, 'day');

describe('a leaf that an authority signed against the rules', () => {
  const CASES: [string, string, Authority, Partial<MintRequest>][] = [
    ['no SAN', 'CERTIFICATE_NAME', 'gateway', extensions((list) => without(list, 'subjectAlternativeName'))],
    ['two URIs', 'CERTIFICATE_NAME', 'gateway', names(uri(CAMERA), uri(CAMERA))],
    ['a DNS name alone', 'CERTIFICATE_NAME', 'server', names({ kind: 'dns', value: PN1 })],
    ['a DNS name besides', 'CERTIFICATE_NAME', 'server', names(uri(CAMERA), { kind: 'dns', value: PN1 })],
    ['an address besides', 'CERTIFICATE_NAME', 'server', names(uri(CAMERA), { kind: 'ip', value: '10.0.0.1' })],
    ['a mail name besides', 'CERTIFICATE_NAME', 'server', names(uri(CAMERA), { kind: 'mail', value: 'a@b.c' })],
    ['a user-info trick', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}:x@${PN2}/pne/camera`))],
    ['a path trick', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}/pne/../pn-gw/gw`))],
    ['an encoded path', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}/pne/%2e%2e`))],
    ['a port', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}:443/pne/camera`))],
    ['another scheme', 'CERTIFICATE_NAME', 'gateway', names(uri(`spiffe://${PN1}/pne/camera`))],
    ['an empty user', 'CERTIFICATE_NAME', 'gateway', names(uri(`${CAMERA}?user=`))],
    ['an entity-id of 65 letters', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}/pne/${'a'.repeat(65)}`))],
    ['another PN', 'PN_MISMATCH', 'gateway', names(uri(OTHER_CAMERA))],
    ['a PN below its own', 'PN_MISMATCH', 'gateway', names(uri(`cpns://x.${PN1}/pne/camera`))],
    ['a service, by an entity CA', 'CERTIFICATE_ROLE', 'server', names(uri(KMC))],
    ['an operator, by an entity CA', 'CERTIFICATE_ROLE', 'gateway', names(uri(ANN))],
    [
      'a service within its PN, by a gateway CA',
      'CERTIFICATE_ROLE',
      'gateway',
      names(uri(`cpns://${PN1}/service/kmc`)),
    ],
    ['a PNE, by the issuing CA', 'CERTIFICATE_ROLE', 'issuing', { profile: 'gateway-identity', ...names(uri(CAMERA)) }],
    [
      'a gateway with a user',
      'CERTIFICATE_NAME',
      'issuing',
      { profile: 'gateway-identity', ...names(uri(`${GATEWAY}?user=a`)) },
    ],
    [
      'an operator with a DNS name',
      'CERTIFICATE_NAME',
      'issuing',
      { profile: 'operator', ...names(uri(ANN), { kind: 'dns', value: 'x.y' }) },
    ],
    [
      'a service with a mail name',
      'CERTIFICATE_NAME',
      'issuing',
      { profile: 'service', ...names(uri(KMC), { kind: 'mail', value: 'a@b.c' }) },
    ],
    ['a service for clients alone', 'CERTIFICATE_ROLE', 'issuing', { profile: 'target-entity', ...names(uri(KMC)) }],
    ['an entity as TLS server', 'CERTIFICATE_ROLE', 'server', extensions(SERVER_AUTH)],
    ['no extended key usage', 'CERTIFICATE_ROLE', 'server', extensions((list) => without(list, 'extendedKeyUsage'))],
    [
      'an authority of its own',
      'CERTIFICATE_ROLE',
      'gateway',
      extensions((list) => replaced(list, 'basicConstraints', { ca: true }, true)),
    ],
    ['no basic constraints', 'CERTIFICATE_ROLE', 'server', extensions((list) => without(list, 'basicConstraints'))],
    [
      'key usage for signing certificates',
      'CERTIFICATE_ROLE',
      'server',
      extensions((list) => replaced(list, 'keyUsage', ['digitalSignature', 'keyCertSign'], true)),
    ],
    ['no key usage', 'CERTIFICATE_ROLE', 'server', extensions((list) => without(list, 'keyUsage'))],
    [
      'key usage not critical',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => replaced(list, 'keyUsage', ['digitalSignature'], false)),
    ],
    [
      'a SAN not critical, and no subject',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => replaced(list, 'subjectAlternativeName', [uri(CAMERA)], false)),
    ],
    [
      'extended key usage critical',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => replaced(list, 'extendedKeyUsage', ['clientAuth'], true)),
    ],
    [
      'name constraints',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => [...list, extensionNode(EXTENSIONS.nameConstraints, personalNetworkOnly(PN1), true)]),
    ],
    [
      'an extension of no profile',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => [...list, sequence(oid(OID.crlNumber), octets(Buffer.from([2, 1, 1])))]),
    ],
    [
      'no subject key identifier',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => without(list, 'subjectKeyIdentifier')),
    ],
    [
      'no authority key identifier',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => without(list, 'authorityKeyIdentifier')),
    ],
    [
      'another authority key identifier',
      'CERTIFICATE_CHAIN',
      'server',
      extensions((list) => replaced(list, 'authorityKeyIdentifier', Buffer.alloc(20), false)),
    ],
    ['another issuer name', 'CERTIFICATE_CHAIN', 'server', field(3, () => commonName('somebody'))],
    ['an empty issuer name', 'CERTIFICATE_CHAIN', 'server', field(3, () => emptyName())],
    ['version 1', 'CERTIFICATE_MALFORMED', 'server', { fields: (list) => list.splice(0, 1) }],
    ['serial number 0', 'CERTIFICATE_MALFORMED', 'server', field(1, () => integer(Buffer.from([0])))],
    ['a serial number of 21 bytes', 'CERTIFICATE_MALFORMED', 'server', field(1, () => integer(Buffer.alloc(21, 1)))],
    ['another algorithm inside', 'CERTIFICATE_MALFORMED', 'server', field(2, () => sequence(oid(OID.ecdsaWithSha384)))],
    ['a subject that is no name', 'CERTIFICATE_MALFORMED', 'server', field(5, () => utf8('x'))],
    ['times that are none', 'CERTIFICATE_MALFORMED', 'server', field(4, () => sequence(boolean(true), boolean(true)))],
    [
      'a longer life than its issuer’s',
      'CERTIFICATE_CHAIN',
      'gateway',
      field(4, () => sequence(encodeTime(world.clock.now()), encodeTime(world.gatewayCa.certificate.notAfter + 1000))),
    ],
    [
      'a start in the future',
      'CERTIFICATE_EXPIRED',
      'server',
      field(4, () => sequence(encodeTime(world.clock.now() + 1000), encodeTime(world.clock.now() + DAY))),
    ],
    [
      'an end in the past',
      'CERTIFICATE_EXPIRED',
      'server',
      field(4, () => sequence(encodeTime(world.clock.now() - DAY), encodeTime(world.clock.now() - 1000))),
    ],
  ];

  it.each(CASES)('%s: %s', async (_what, reason, authority, edit) => {
    expect(verdict(await leafOf(authority, leafUnaltered(authority, edit)))).toBe('accepted');
    expect(verdict(await leafOf(authority, edit))).toBe(reason);
  });

  /** What stands for the certificate before its alteration: the profile's own name, if it is not an entity's. */
  function leafUnaltered(authority: Authority, { profile }: Partial<MintRequest>): Partial<MintRequest> {
    if (authority !== 'issuing') return {};
    if (profile === 'gateway-identity') return { profile, uri: GATEWAY };
    if (profile === 'operator') return { profile, uri: ANN };
    return { profile: 'service', uri: KMC };
  }

  it('may carry a CN, which is ignored', async () => {
    const chain = await leafOf(
      'gateway',
      field(5, () => commonName(OTHER_CAMERA)),
    );
    expect(verify(chain).subject.name.uri).toBe(CAMERA);
  });
});

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

describe('an authority that the one above it signed against the rules', () => {
  const CASES: [string, string, Partial<MintRequest>][] = [
    [
      'a path length of 1',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'basicConstraints', { ca: true, pathLength: 1 }, true)),
    ],
    [
      'no path length',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'basicConstraints', { ca: true }, true)),
    ],
    [
      'no authority at all',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'basicConstraints', { ca: false }, true)),
    ],
    ['no name constraints', 'CERTIFICATE_CHAIN', extensions((list) => without(list, 'nameConstraints'))],
    [
      'name constraints of another PN',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', personalNetworkOnly(PN2), true)),
    ],
    [
      'name constraints for everything below',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', personalNetworkOnly(`.${PN1}`), true)),
    ],
    [
      'name constraints not critical',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', personalNetworkOnly(PN1), false)),
    ],
    [
      'name constraints that exclude nothing',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', { ...personalNetworkOnly(PN1), excluded: [] }, true)),
    ],
    ['no gateway named', 'CERTIFICATE_CHAIN', extensions((list) => without(list, 'subjectAlternativeName'))],
    ['a PNE named', 'CERTIFICATE_CHAIN', names(uri(CAMERA))],
    ['servers among its purposes', 'CERTIFICATE_CHAIN', extensions(SERVER_AUTH)],
    [
      'no signing of certificates',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'keyUsage', ['cRLSign'], true)),
    ],
    ['no name', 'CERTIFICATE_CHAIN', field(5, () => emptyName())],
  ];

  it.each(CASES)('a gateway CA with %s: %s', async (_what, reason, edit) => {
    expect(verdict(await chainUnder({}))).toBe('accepted');
    expect(verdict(await chainUnder(edit))).toBe(reason);
  });

  it('a gateway CA that has expired, or is not valid yet', async () => {
    const now = world.clock.now();
    const between = (from: number, to: number) => ({ notBefore: now + from * DAY, notAfter: now + to * DAY });
    const under = async (from: number, to: number) => verdict(await chainUnder(between(from, to), between(-1, 1)));
    expect(await under(-2, 2)).toBe('accepted');
    expect(await under(0.5, 2)).toBe('CERTIFICATE_EXPIRED');
    expect(verdict(await chainUnder(between(-3, -1), between(-3, -2)))).toBe('CERTIFICATE_EXPIRED');
    expect(await under(-2, 0.5)).toBe('CERTIFICATE_CHAIN');
  });

  /** A leaf under a gateway CA that was altered: the leaf itself is right. */
  async function chainUnder(
    edit: Partial<MintRequest>,
    leafEdit: Partial<MintRequest> = {},
  ): Promise<readonly Buffer[]> {
    const { gatewayCa, pki } = world;
    const key = gatewayCa.signer.publicKey;
    const { notAfter } = gatewayCa.certificate;
    const authority = await mint(pki.issuingCa.issuer, { profile: 'gateway-ca', uri: GATEWAY, key, notAfter, ...edit });
    const leaf = await mint(gatewayCa, { profile: 'target-entity', uri: CAMERA, key: world.leafKey, ...leafEdit });
    return [leaf, authority, ...pki.issuingCa.chain];
  }
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
    const edit: Partial<MintRequest> = authority === 'issuing' ? { profile: 'service', uri: KMC } : {};
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
