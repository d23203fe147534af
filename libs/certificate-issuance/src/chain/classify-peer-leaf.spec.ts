import { reasonOf } from '@cpns/core/testing';
import { issueCertificate } from '../issue/issue-certificate';
import type { Issuer } from '../issue/issuer';
import { createDevelopmentPki } from '../pki/development-pki';
import type { ProfileId } from '../profiles/profile';
import {
  CAMERA,
  eachTestWorld,
  GATEWAY,
  mint,
  mintChain,
  names,
  PN1,
  replacing,
  TRUST_DOMAIN,
  uri,
  world,
  type Alteration,
  type Authority,
} from '../testing';
import { createPeerClassifier } from './classify-peer-leaf';

eachTestWorld();
let classify: ReturnType<typeof createPeerClassifier>;
beforeAll(() => {
  classify = createPeerClassifier(world.pki.issuingCa.chain[0]!);
});

const KMC = `cpns://${TRUST_DOMAIN}/service/kmc`;
const OTHER = `cpns://${PN1}/pn-gw/x`;

async function leafOf(issuer: Issuer, profile: ProfileId, uri: string): Promise<Buffer> {
  const request = { profile, uri, key: world.leafKey } as Parameters<typeof issueCertificate>[1];
  return (await issueCertificate(issuer, request, world.context)).der;
}

describe('the role of a TLS peer follows from who signed its leaf', () => {
  it.each<[string, () => Issuer, ProfileId, string, string]>([
    ['a service', () => world.pki.issuingCa.issuer, 'service', KMC, 'service'],
    ['an operator', () => world.pki.issuingCa.issuer, 'operator', `cpns://${TRUST_DOMAIN}/operator/ann`, 'operator'],
    ['an acting PN GW', () => world.pki.issuingCa.issuer, 'gateway-identity', GATEWAY, 'pn-gw'],
    ['an entity', () => world.pki.serverEntityCa.issuer, 'target-entity', `${CAMERA}?user=a`, 'target-entity'],
    ['a target PN GW', () => world.pki.serverEntityCa.issuer, 'target-entity', GATEWAY, 'target-entity'],
    ['an entity of a gateway’s CA', () => world.gatewayCa, 'target-entity', CAMERA, 'target-entity'],
    ['a target PN GW of a gateway’s CA', () => world.gatewayCa, 'target-entity', OTHER, 'target-entity'],
  ])('%s', async (_what, issuer, profile, uri, role) => {
    const peer = classify(await leafOf(issuer(), profile, uri), world.clock.now());
    const [name, user = ''] = uri.split('?user=');
    expect(peer).toMatchObject({ role, subject: { name: { uri: name }, user }, spki: world.leafKey.spki });
  });

  it('and never from what the leaf says of itself', async () => {
    // signed by a gateway's CA, in the name and with the key identifier of the issuing CA, as a service and as a gateway
    const { issuingCa } = world.pki;
    const impostor: Issuer = { ...issuingCa.issuer, signer: world.gatewayCa.signer };
    for (const [profile, uri] of [
      ['service', KMC],
      ['gateway-identity', GATEWAY],
    ] as const) {
      const genuine = await mint(issuingCa.issuer, { profile, uri, key: world.leafKey });
      const forged = await mint(impostor, { profile, uri, key: world.leafKey });
      expect(reasonOf(() => classify(genuine, world.clock.now()))).toBe('accepted');
      expect(reasonOf(() => classify(forged, world.clock.now()))).toBe('CERTIFICATE_ROLE');
    }
  });
});

/** A leaf alone, as {@link mintChain} makes it. */
const minted =
  (authority: Authority, edit: Alteration = {}) =>
  async () =>
    (await mintChain(authority, edit))[0]!;
const inPn = `cpns://${PN1}/service/kmc`;
const asServer = replacing('extendedKeyUsage', ['serverAuth', 'clientAuth'], false);

describe('a leaf that is refused', () => {
  it.each<[string, string, () => Promise<Buffer>]>([
    ['a gateway CA’s certificate', 'CERTIFICATE_ROLE', () => Promise.resolve(world.gatewayCa.chain[0]!)],
    ['the issuing CA’s certificate', 'CERTIFICATE_ROLE', () => Promise.resolve(world.pki.issuingCa.chain[0]!)],
    ['a service of an entity CA', 'CERTIFICATE_ROLE', minted('server', { profile: 'service', uri: KMC })],
    [
      'a service of a gateway’s CA, within its PN',
      'CERTIFICATE_ROLE',
      minted('gateway', { profile: 'service', uri: inPn }),
    ],
    ['an entity with the purpose of a server', 'CERTIFICATE_ROLE', minted('gateway', asServer)],
    ['a PNE of the issuing CA', 'CERTIFICATE_ROLE', minted('issuing')],
    ['two URIs', 'CERTIFICATE_NAME', minted('gateway', names(uri(CAMERA), uri(KMC)))],
    [
      'a DNS name beside an entity',
      'CERTIFICATE_NAME',
      minted('gateway', names(uri(CAMERA), { kind: 'dns', value: 'a.b' })),
    ],
    ['no certificate', 'CERTIFICATE_MALFORMED', () => Promise.resolve(Buffer.from('no'))],
  ])('%s: %s', async (_what, reason, make) => {
    const leaf = await make();
    expect(reasonOf(() => classify(leaf, world.clock.now()))).toBe(reason);
  });

  it('a leaf that has expired, or is not valid yet', async () => {
    const leaf = await leafOf(world.pki.issuingCa.issuer, 'service', KMC);
    const { notAfter } = classify(leaf, world.clock.now());
    expect(reasonOf(() => classify(leaf, notAfter + 1000))).toBe('CERTIFICATE_EXPIRED');
    expect(reasonOf(() => classify(leaf, world.clock.now() - 600_000))).toBe('CERTIFICATE_EXPIRED');
  });

  it('a service of another issuing CA', async () => {
    const other = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock: world.clock });
    const leaf = await leafOf(other.issuingCa.issuer, 'service', KMC);
    const under = (issuingCaDer: Buffer) => reasonOf(() => createPeerClassifier(issuingCaDer)(leaf, world.clock.now()));
    expect(under(other.issuingCa.chain[0]!)).toBe('accepted');
    expect(under(world.pki.issuingCa.chain[0]!)).toBe('CERTIFICATE_ROLE');
  });
});

it('takes the certificate of no other authority for the issuing CA’s', () => {
  const { root, issuingCa, serverEntityCa } = world.pki;
  const outcomes = [issuingCa, root, serverEntityCa, world.gatewayCa].map(({ chain }) =>
    reasonOf(() => createPeerClassifier(chain[0]!)),
  );
  expect(outcomes).toEqual(['accepted', 'CERTIFICATE_ROLE', 'CERTIFICATE_ROLE', 'CERTIFICATE_ROLE']);
});
