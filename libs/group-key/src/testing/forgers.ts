/** Who is not the CPNS Server, and what a statement of theirs is refused with (protocol.md, "Group Key"). */
import type { Credentials } from '@cpns/certificate-issuance';
import { asAuthority, issueCredentials, minted, newKey } from '@cpns/certificate-issuance/testing';
import { systemRandom, type Reason } from '@cpns/core';
import type { Forger, TestServer } from './test-server';

const GATEWAY = 'cpns://pn1.example.org/pn-gw/gw';

const keyOf = ({ chain, privateKey }: Credentials): Forger => ({ chain, key: privateKey.keyObject });
const issued = ({ clock, pki }: TestServer, profile: 'gateway-identity' | 'gateway-ca'): Promise<Credentials> =>
  issueCredentials(pki.issuingCa, { profile, uri: GATEWAY }, { clock, random: systemRandom });
const service =
  (name: string) =>
  async ({ pki }: TestServer) =>
    keyOf(await pki.issueService(name));

const serverUri = ({ pki }: TestServer) => `cpns://${pki.trustDomain}/service/cpns-server`;

/** By what a test calls them: how each is made, and the reason that refuses it. */
export const FORGERS: Readonly<
  Record<string, { readonly make: (server: TestServer) => Promise<Forger>; readonly reason: Reason }>
> = {
  'its gateway': {
    make: async (server) => keyOf(await issued(server, 'gateway-identity')),
    reason: 'PEER_UNEXPECTED',
  },
  'its gateway’s CA': {
    make: async (server) => keyOf(await issued(server, 'gateway-ca')),
    reason: 'CERTIFICATE_ROLE',
  },
  'the KMC': { make: service('kmc'), reason: 'PEER_UNEXPECTED' },
  'the SMF': { make: service('smf'), reason: 'PEER_UNEXPECTED' },
  'a second Server': { make: service('cpns-server-2'), reason: 'PEER_UNEXPECTED' },
  'an operator': { make: async ({ pki }) => keyOf(await pki.issueOperator('ann')), reason: 'PEER_UNEXPECTED' },
  'a Server whose certificate a gateway CA made': {
    make: async (server) =>
      minted(asAuthority(await issued(server, 'gateway-ca')).issuer, { profile: 'service', uri: serverUri(server) }),
    reason: 'CERTIFICATE_ROLE',
  },
  'an entity that its CA named like the Server': {
    make: (server) => minted(server.pki.serverEntityCa.issuer, { profile: 'target-entity', uri: serverUri(server) }),
    reason: 'CERTIFICATE_ROLE',
  },
  'a Server of another trust domain': {
    make: ({ pki }) =>
      minted(pki.issuingCa.issuer, { profile: 'service', uri: 'cpns://example.net/service/cpns-server' }),
    reason: 'TRUST_DOMAIN',
  },
  'its gateway under the Server’s certificate': {
    make: ({ credentials: { chain } }) => Promise.resolve({ key: newKey(), chain }),
    reason: 'SIGNATURE_INVALID',
  },
};
