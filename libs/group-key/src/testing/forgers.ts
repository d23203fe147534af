/** Who is not the CPNS Server, and what a statement of theirs is refused with (protocol.md, "Group Key"). */
import { createIssuer, issueCertificate, localSigner, type Issuer, type ProfileId } from '@cpns/certificate-issuance';
import { mint, newKey } from '@cpns/certificate-issuance/testing';
import { systemRandom, type Reason } from '@cpns/core';
import type { KeyObject } from 'node:crypto';
import type { TestServer } from './test-server';
import { signStatement, type SignedStatement, type Statement } from '../statement';

interface Forger {
  readonly key: KeyObject;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
}

const GATEWAY = 'cpns://pn1.example.org/pn-gw/gw';

async function issued({ clock, pki }: TestServer, profile: 'gateway-identity' | 'gateway-ca'): Promise<Forger> {
  const key = newKey();
  const request = { profile, uri: GATEWAY, key: localSigner(key).publicKey };
  const { chain } = await issueCertificate(pki.issuingCa.issuer, request, { clock, random: systemRandom });
  return { key, chain };
}

/** Properly signed, and held against no rule. */
async function minted(issuer: Issuer, profile: ProfileId, uri: string): Promise<Forger> {
  const key = newKey();
  const leaf = await mint(issuer, { profile, uri, key: localSigner(key).publicKey });
  return { key, chain: [leaf, ...issuer.chain] };
}

async function service({ pki }: TestServer, name: string): Promise<Forger> {
  const { chain, privateKey } = await (name === 'operator' ? pki.issueOperator('ann') : pki.issueService(name));
  return { chain, key: privateKey.keyObject };
}

const gatewayCa = (server: TestServer) => issued(server, 'gateway-ca');
const serverUri = ({ pki }: TestServer) => `cpns://${pki.trustDomain}/service/cpns-server`;

/** By what a test calls them: how each is made, and the reason that refuses it. */
export const FORGERS: Readonly<
  Record<string, { readonly make: (server: TestServer) => Promise<Forger>; readonly reason: Reason }>
> = {
  'its gateway': {
    make: (server) => issued(server, 'gateway-identity'),
    reason: 'PEER_UNEXPECTED',
  },
  'its gateway’s CA': { make: gatewayCa, reason: 'CERTIFICATE_ROLE' },
  'the KMC': { make: (server) => service(server, 'kmc'), reason: 'PEER_UNEXPECTED' },
  'the SMF': { make: (server) => service(server, 'smf'), reason: 'PEER_UNEXPECTED' },
  'a second Server': { make: (server) => service(server, 'cpns-server-2'), reason: 'PEER_UNEXPECTED' },
  'an operator': { make: (server) => service(server, 'operator'), reason: 'PEER_UNEXPECTED' },
  'a Server whose certificate a gateway CA made': {
    make: async (server) => {
      const { key, chain } = await gatewayCa(server);
      return minted(createIssuer(chain, localSigner(key)), 'service', serverUri(server));
    },
    reason: 'CERTIFICATE_ROLE',
  },
  'an entity that its CA named like the Server': {
    make: (server) => minted(server.pki.serverEntityCa.issuer, 'target-entity', serverUri(server)),
    reason: 'CERTIFICATE_ROLE',
  },
  'a Server of another trust domain': {
    make: ({ pki }) => minted(pki.issuingCa.issuer, 'service', 'cpns://example.net/service/cpns-server'),
    reason: 'TRUST_DOMAIN',
  },
  'its gateway under the Server’s certificate': {
    make: ({ credentials: { chain } }) => Promise.resolve({ key: newKey(), chain }),
    reason: 'SIGNATURE_INVALID',
  },
};

export const forge = ({ key, chain }: Forger, statement: Statement): SignedStatement => ({
  statement,
  signature: signStatement(key, statement),
  chain,
});
