import { reasonOf } from '@cpns/core/testing';
import { issueCertificate } from '../issue/issue-certificate';
import type { Issuer } from '../issue/issuer';
import { createDevelopmentPki } from '../pki/development-pki';
import type { ProfileId } from '../profiles/profile';
import {
  CAMERA,
  createTestWorld,
  GATEWAY,
  issuerOf,
  mint,
  mintChain,
  names,
  OPERATOR,
  PN1,
  replacing,
  SERVICE,
  TRUST_DOMAIN,
  uri,
  type Alteration,
  type Authority,
  type TestWorld,
} from '../testing';
import { classifyPeerLeaf, createPeerClassifier } from './classify-peer-leaf';

let world: TestWorld;
let classify: ReturnType<typeof createPeerClassifier>;
beforeAll(async () => {
  world = await createTestWorld();
  classify = createPeerClassifier({
    issuingCaDer: world.pki.issuingCa.chain[0]!,
    entityCaDers: [world.pki.serverEntityCa.chain[0]!],
  });
});

const GATEWAY_X = `cpns://${PN1}/pn-gw/x`;
const SERVER_AUTH = replacing('extendedKeyUsage', ['serverAuth', 'clientAuth'], false);

async function leafOf(issuer: Issuer, profile: ProfileId, uri: string): Promise<Buffer> {
  const request = { profile, uri, key: world.leafKey } as Parameters<typeof issueCertificate>[1];
  return (await issueCertificate(issuer, request, world.context)).der;
}

describe('the role of a TLS peer follows from who signed its leaf', () => {
  it.each<[string, Authority, ProfileId, string, string, string]>([
    ['a service', 'issuing', 'service', SERVICE, 'service', 'issuing-ca'],
    ['an operator', 'issuing', 'operator', OPERATOR, 'operator', 'issuing-ca'],
    ['an acting PN GW', 'issuing', 'gateway-identity', GATEWAY, 'pn-gw', 'issuing-ca'],
    ['an entity', 'server', 'target-entity', `${CAMERA}?user=a`, 'target-entity', 'server-entity-ca'],
    ['a target PN GW', 'server', 'target-entity', GATEWAY, 'target-entity', 'server-entity-ca'],
    [
      'an entity of a gateway’s CA that is not known here',
      'gateway',
      'target-entity',
      CAMERA,
      'target-entity',
      'unknown',
    ],
    ['a target PN GW of a gateway’s CA', 'gateway', 'target-entity', GATEWAY_X, 'target-entity', 'unknown'],
  ])('%s', async (_what, authority, profile, uri, role, issuedBy) => {
    const peer = classify(await leafOf(issuerOf(world, authority), profile, uri), world.clock.now());
    const [name, user = ''] = uri.split('?user=');
    expect(peer).toMatchObject({ role, issuedBy, subject: { name: { uri: name }, user }, spki: world.leafKey.spki });
  });

  it('and never from what the leaf says of itself', async () => {
    // signed by a gateway's CA, in the name and with the key identifier of the issuing CA, as a service and as a gateway
    const { issuingCa } = world.pki;
    const impostor: Issuer = { ...issuingCa.issuer, signer: world.gatewayCa.signer };
    for (const [profile, uri] of [
      ['service', SERVICE],
      ['gateway-identity', GATEWAY],
    ] as const) {
      const genuine = await mint(issuingCa.issuer, { profile, uri, key: world.leafKey });
      const forged = await mint(impostor, { profile, uri, key: world.leafKey });
      expect(reasonOf(() => classify(genuine, world.clock.now()))).toBe('accepted');
      expect(reasonOf(() => classify(forged, world.clock.now()))).toBe('CERTIFICATE_ROLE');
    }
  });
});

describe('a leaf that is refused', () => {
  const minted =
    (authority: Authority, edit: Alteration = {}) =>
    async () =>
      (await mintChain(world, authority, edit))[0]!;

  it.each<[string, string, () => Promise<Buffer> | Buffer]>([
    ['a gateway CA’s certificate', 'CERTIFICATE_ROLE', () => world.gatewayCa.chain[0]!],
    ['the issuing CA’s certificate', 'CERTIFICATE_ROLE', () => world.pki.issuingCa.chain[0]!],
    ['a service of an entity CA', 'CERTIFICATE_ROLE', minted('server', { profile: 'service', uri: SERVICE })],
    [
      'a service of a gateway’s CA, within its PN',
      'CERTIFICATE_ROLE',
      minted('gateway', { profile: 'service', uri: `cpns://${PN1}/service/kmc` }),
    ],
    ['an entity with the purpose of a server', 'CERTIFICATE_ROLE', minted('gateway', SERVER_AUTH)],
    ['a PNE of the issuing CA', 'CERTIFICATE_ROLE', minted('issuing')],
    ['two URIs', 'CERTIFICATE_NAME', minted('gateway', names(uri(CAMERA), uri(SERVICE)))],
    [
      'a DNS name beside an entity',
      'CERTIFICATE_NAME',
      minted('gateway', names(uri(CAMERA), { kind: 'dns', value: 'a.b' })),
    ],
    ['no certificate', 'CERTIFICATE_MALFORMED', () => Buffer.from('no')],
  ])('%s: %s', async (_what, reason, make) => {
    const leaf = await make();
    expect(reasonOf(() => classify(leaf, world.clock.now()))).toBe(reason);
  });

  it('a leaf that has expired, or is not valid yet', async () => {
    const leaf = await leafOf(world.pki.issuingCa.issuer, 'service', SERVICE);
    const { notAfter } = classify(leaf, world.clock.now());
    expect(reasonOf(() => classify(leaf, notAfter + 1000))).toBe('CERTIFICATE_EXPIRED');
    expect(reasonOf(() => classify(leaf, world.clock.now() - 600_000))).toBe('CERTIFICATE_EXPIRED');
  });

  it('a service of another issuing CA', async () => {
    const other = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock: world.clock });
    const leaf = await leafOf(other.issuingCa.issuer, 'service', SERVICE);
    const under = (issuingCaDer: Buffer) => reasonOf(() => classifyPeerLeaf(leaf, { issuingCaDer }, world.clock.now()));
    expect(under(other.issuingCa.chain[0]!)).toBe('accepted');
    expect(under(world.pki.issuingCa.chain[0]!)).toBe('CERTIFICATE_ROLE');
  });
});

it('takes nothing but the right authorities for its own', () => {
  const [root, issuing, server] = [world.pki.root, world.pki.issuingCa, world.pki.serverEntityCa].map(
    ({ chain }) => chain[0]!,
  );
  const make = (issuingCaDer: Buffer, entityCaDers: Buffer[] = []) =>
    reasonOf(() => createPeerClassifier({ issuingCaDer, entityCaDers }));
  expect(make(issuing!, [server!, world.gatewayCa.chain[0]!])).toBe('accepted');
  expect(make(root!)).toBe('CERTIFICATE_ROLE');
  expect(make(server!)).toBe('CERTIFICATE_ROLE');
  expect(make(issuing!, [issuing!])).toBe('CERTIFICATE_ROLE');
});
