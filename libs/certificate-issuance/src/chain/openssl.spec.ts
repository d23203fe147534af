/** OpenSSL as the independent judge of what is issued, and of what a gateway's authority may not issue. */
import { reasonOf } from '@cpns/core/testing';
import {
  CAMERA,
  eachTestWorld,
  GATEWAY,
  issue,
  mintChain,
  names,
  opensslVerify,
  OPERATOR,
  OTHER_CAMERA,
  PN1,
  PN2,
  SERVICE,
  uri,
  type Alteration,
  world,
} from '../testing';
import { verifyChain } from './verify-chain';

eachTestWorld();

const judged = (chain: readonly Buffer[], purpose?: 'sslserver') =>
  opensslVerify({ chain, at: world.clock.now(), ...(purpose && { purpose }) });
const verify = (chain: readonly Buffer[]) => verifyChain({ chain, root: world.root, now: world.clock.now() });

describe('openssl verify -x509_strict accepts what is issued', () => {
  it.each([
    ['a target entity of the Server entity CA', 'server', 'target-entity', CAMERA],
    ['one with a user', 'server', 'target-entity', `${CAMERA}?user=alice`],
    ['a target entity of a gateway CA', 'gateway', 'target-entity', CAMERA],
    ['a target PN GW of a gateway CA', 'gateway', 'target-entity', `cpns://${PN1}/pn-gw/second`],
    ['an acting PN GW', 'issuing', 'gateway-identity', GATEWAY],
    ['a service', 'issuing', 'service', SERVICE],
    ['an operator', 'issuing', 'operator', OPERATOR],
  ] as const)('%s, as a TLS client', async (_what, authority, profile, name) => {
    const verdict = judged((await issue(authority, { profile, uri: name })).chain);
    expect(verdict).toEqual({ accepted: true, text: expect.stringMatching(/OK/) as string });
  });

  it.each([
    ['service', SERVICE],
    ['gateway-identity', GATEWAY],
  ] as const)('a %s, as a TLS server', async (profile, name) => {
    const hosts = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
    const { chain } = await issue('issuing', { profile, uri: name, ...hosts });
    expect(judged(chain, 'sslserver').text).toMatch(/OK/);
  });

  it.each(['server', 'gateway'] as const)(
    'but no target entity of the CA of a %s as a TLS server',
    async (authority) => {
      const { chain } = await issue(authority, { profile: 'target-entity', uri: CAMERA });
      const verdict = judged(chain, 'sslserver');
      expect(verdict.accepted).toBe(false);
      expect(verdict.text).toMatch(/unsuitable certificate purpose/);
    },
  );
});

describe('the name constraints of a gateway CA', () => {
  it('let through the entities of its Personal Network', async () => {
    const chain = await mintChain('gateway');
    expect(judged(chain).text).toMatch(/OK/);
    expect(verify(chain).subject.name.uri).toBe(CAMERA);
  });

  const besides = (kind: 'dns' | 'ip' | 'mail', value: string) => names(uri(CAMERA), { kind, value });

  it.each<[string, Alteration, string, RegExp]>([
    ['an entity of another PN', names(uri(OTHER_CAMERA)), 'PN_MISMATCH', /permitted subtree violation/],
    ['a PN below its own', names(uri(`cpns://x.${PN1}/pne/camera`)), 'PN_MISMATCH', /permitted subtree violation/],
    ['a service of the trust domain', names(uri(SERVICE)), 'CERTIFICATE_ROLE', /permitted subtree/],
    [
      'a user-info trick',
      names(uri(`cpns://${PN2}:x@${PN1}/pne/camera`)),
      'CERTIFICATE_NAME',
      /permitted subtree violation/,
    ],
    ['a DNS name besides', besides('dns', 'kmc.example.org'), 'CERTIFICATE_NAME', /excluded subtree/],
    ['an IPv4 address besides', besides('ip', '10.0.0.1'), 'CERTIFICATE_NAME', /excluded subtree/],
    ['an IPv6 address besides', besides('ip', '::1'), 'CERTIFICATE_NAME', /excluded subtree/],
    ['a mail name besides', besides('mail', 'a@example.org'), 'CERTIFICATE_NAME', /subtree violation/],
  ])('refuse %s, in OpenSSL and here', async (_what, edit, reason, text) => {
    const chain = await mintChain('gateway', edit);
    const verdict = judged(chain);
    expect([verdict.accepted, reasonOf(() => verify(chain))]).toEqual([false, reason]);
    expect(verdict.text).toMatch(text);
  });

  it('are fooled in OpenSSL by user-info before another host, and we are not', async () => {
    // OpenSSL takes what stands before the colon for the host: the reason why names are matched and never URL-parsed
    const chain = await mintChain('gateway', names(uri(`cpns://${PN1}:x@${PN2}/pne/camera`)));
    expect(judged(chain).accepted).toBe(true);
    expect(reasonOf(() => verify(chain))).toBe('CERTIFICATE_NAME');
  });
});
