import {
  dersToPem,
  issueCertificate,
  loadIssuer,
  newPrivateKey,
  privateKeyPem,
  signerFromPkcs8,
  type Issuer,
  type IssueRequest,
} from '@cpns/certificate-issuance';
import { mint, type MintRequest } from '@cpns/certificate-issuance/testing';
import { systemClock, systemRandom } from '@cpns/core';
import type { CredentialFiles } from '../pki-files';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { WireTls } from './wire';

/** A certificate with those above it, and its key. */
export interface Credential {
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  readonly privateKey: KeyObject;
  /** To show it in TLS. */
  readonly tls: WireTls;
}

type WithoutKey<T> = T extends unknown ? Omit<T, 'key'> : never;
type Made = { readonly der: Buffer } | { readonly chain: readonly Buffer[] };

async function credential(
  issuer: Issuer,
  make: (key: Issuer['certificate']['key']) => Promise<Made>,
): Promise<Credential> {
  const secret = newPrivateKey();
  const made = await make(signerFromPkcs8(secret).publicKey);
  const chain = 'chain' in made ? made.chain : [made.der, ...issuer.chain];
  return {
    chain,
    privateKey: secret.keyObject,
    tls: { root: dersToPem(chain.slice(-1)), cert: dersToPem(chain), key: privateKeyPem(secret) },
  };
}

/** A certificate as an honest authority gives it. */
export const issued = (issuer: Issuer, request: WithoutKey<IssueRequest>): Promise<Credential> =>
  credential(issuer, (key) =>
    issueCertificate(issuer, { ...request, key }, { clock: systemClock, random: systemRandom }),
  );

/** A certificate as a hostile authority may give it: properly signed, and held against no rule. */
export const minted = (issuer: Issuer, request: Omit<MintRequest, 'key'>): Promise<Credential> =>
  credential(issuer, async (key) => ({ der: await mint(issuer, { ...request, key }) }));

/** An authority whose key a deployment has in a file. */
export const issuerOf = ({ chain, key }: CredentialFiles): Issuer =>
  loadIssuer(readFileSync(chain, 'utf8'), readFileSync(key, 'utf8'));

/** What a deployment has in files, as TLS takes it. */
export const tlsOf = ({ chain, key }: CredentialFiles, root: string): WireTls => ({
  root: readFileSync(root),
  cert: readFileSync(chain),
  key: readFileSync(key),
});
