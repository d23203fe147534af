/** OpenSSL as the independent judge of what is issued, and of what a gateway's authority may not issue. */
import { reasonOf } from '@cpns/core/testing';
import type { GeneralName } from '../extensions/general-name';
import { issueCertificate } from '../issue/issue-certificate';
import type { Issuer } from '../issue/issuer';
import {
  CAMERA,
  createTestWorld,
  GATEWAY,
  mint,
  opensslVerify,
  OTHER_CAMERA,
  PN1,
  PN2,
  TRUST_DOMAIN,
  type TestWorld,
} from '../testing';
import { verifyChain } from './verify-chain';

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});

const uri = (value: string): GeneralName => ({ kind: 'uri', value });

async function chainOf(issuer: Issuer, names: readonly GeneralName[]): Promise<readonly Buffer[]> {
  const leaf = await mint(issuer, { profile: 'target-entity', key: world.leafKey, uri: CAMERA, names });
  return [leaf, ...issuer.chain];
}

describe('openssl verify -x509_strict accepts what is issued', () => {
  it.each([
    ['a target entity of the Server entity CA', () => world.pki.serverEntityCa.issuer, 'target-entity', CAMERA],
    ['one with a user', () => world.pki.serverEntityCa.issuer, 'target-entity', `${CAMERA}?user=alice`],
    ['a target entity of a gateway CA', () => world.gatewayCa, 'target-entity', CAMERA],
    ['a target PN GW of a gateway CA', () => world.gatewayCa, 'target-entity', `cpns://${PN1}/pn-gw/second`],
    ['an acting PN GW', () => world.pki.issuingCa.issuer, 'gateway-identity', GATEWAY],
    ['a service', () => world.pki.issuingCa.issuer, 'service', `cpns://${TRUST_DOMAIN}/service/kmc`],
    ['an operator', () => world.pki.issuingCa.issuer, 'operator', `cpns://${TRUST_DOMAIN}/operator/ann`],
  ] as const)('%s, as a TLS client', async (_what, issuer, profile, name) => {
    const request = { profile, uri: name, key: world.leafKey };
    const { chain } = await issueCertificate(issuer(), request, world.context);
    expect(opensslVerify({ chain, at: world.clock.now() })).toEqual({
      accepted: true,
      text: expect.stringMatching(/OK/) as string,
    });
  });

  it.each(['service', 'gateway-identity'] as const)('a %s, as a TLS server', async (profile) => {
    const name = profile === 'service' ? `cpns://${TRUST_DOMAIN}/service/smf` : GATEWAY;
    const request = {
      profile,
      uri: name,
      key: world.leafKey,
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1', '::1'],
    };
    const { chain } = await issueCertificate(world.pki.issuingCa.issuer, request, world.context);
    expect(opensslVerify({ chain, at: world.clock.now(), purpose: 'sslserver' }).text).toMatch(/OK/);
  });

  it.each([
    ['the Server entity CA', () => world.pki.serverEntityCa.issuer],
    ['a gateway CA', () => world.gatewayCa],
  ])('but no target entity of %s as a TLS server', async (_what, issuer) => {
    const request = { profile: 'target-entity', uri: CAMERA, key: world.leafKey } as const;
    const { chain } = await issueCertificate(issuer(), request, world.context);
    const verdict = opensslVerify({ chain, at: world.clock.now(), purpose: 'sslserver' });
    expect(verdict.accepted).toBe(false);
    expect(verdict.text).toMatch(/unsuitable certificate purpose/);
  });
});

describe('the name constraints of a gateway CA', () => {
  it('let through the entities of its Personal Network', async () => {
    const chain = await chainOf(world.gatewayCa, [uri(CAMERA)]);
    expect(opensslVerify({ chain, at: world.clock.now() }).text).toMatch(/OK/);
    expect(verifyChain({ chain, root: world.root, now: world.clock.now() }).subject.name.uri).toBe(CAMERA);
  });

  it.each<[string, GeneralName[], string, RegExp]>([
    ['an entity of another PN', [uri(OTHER_CAMERA)], 'PN_MISMATCH', /permitted subtree violation/],
    ['a PN below its own', [uri(`cpns://x.${PN1}/pne/camera`)], 'PN_MISMATCH', /permitted subtree violation/],
    [
      'a service of the trust domain',
      [uri(`cpns://${TRUST_DOMAIN}/service/kmc`)],
      'CERTIFICATE_ROLE',
      /permitted subtree/,
    ],
    [
      'a user-info trick',
      [uri(`cpns://${PN2}:x@${PN1}/pne/camera`)],
      'CERTIFICATE_NAME',
      /permitted subtree violation/,
    ],
    [
      'a DNS name besides',
      [uri(CAMERA), { kind: 'dns', value: 'kmc.example.org' }],
      'CERTIFICATE_NAME',
      /excluded subtree/,
    ],
    [
      'an IPv4 address besides',
      [uri(CAMERA), { kind: 'ip', value: '10.0.0.1' }],
      'CERTIFICATE_NAME',
      /excluded subtree/,
    ],
    ['an IPv6 address besides', [uri(CAMERA), { kind: 'ip', value: '::1' }], 'CERTIFICATE_NAME', /excluded subtree/],
    [
      'a mail name besides',
      [uri(CAMERA), { kind: 'mail', value: 'a@example.org' }],
      'CERTIFICATE_NAME',
      /subtree violation/,
    ],
  ])('refuse %s, in OpenSSL and here', async (_what, names, reason, text) => {
    const chain = await chainOf(world.gatewayCa, names);
    const verdict = opensslVerify({ chain, at: world.clock.now() });
    expect({
      accepted: verdict.accepted,
      reason: reasonOf(() => verifyChain({ chain, root: world.root, now: world.clock.now() })),
    }).toEqual({ accepted: false, reason });
    expect(verdict.text).toMatch(text);
  });

  it('are fooled in OpenSSL by user-info before another host, and we are not', async () => {
    // OpenSSL takes what stands before the colon for the host: the reason why names are matched and never URL-parsed
    const chain = await chainOf(world.gatewayCa, [uri(`cpns://${PN1}:x@${PN2}/pne/camera`)]);
    expect(opensslVerify({ chain, at: world.clock.now() }).accepted).toBe(true);
    expect(reasonOf(() => verifyChain({ chain, root: world.root, now: world.clock.now() }))).toBe('CERTIFICATE_NAME');
  });
});
