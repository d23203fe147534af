import {
  dersToPem,
  issueCertificate,
  loadIssuer,
  localSigner,
  type Issuer,
  type IssueRequest,
} from '@cpns/certificate-issuance';
import { mint, newKey, opensslOk, withDirectory, type MintRequest } from '@cpns/certificate-issuance/testing';
import { systemClock, systemRandom } from '@cpns/core';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialFiles } from '../pki-files';
import type { WireTls } from './wire';

/** A certificate with those above it, and its key. */
export interface Credential {
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  readonly privateKey: KeyObject;
  /** To show it in TLS. */
  readonly tls: WireTls;
}

export function credentialOf(chain: readonly Buffer[], privateKey: KeyObject): Credential {
  const key = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { chain, privateKey, tls: { root: dersToPem(chain.slice(-1)), cert: dersToPem(chain), key } };
}

type WithoutKey<T> = T extends unknown ? Omit<T, 'key'> : never;
const CONTEXT = { clock: systemClock, random: systemRandom };

/** A certificate as an honest authority gives it. */
export async function issued(issuer: Issuer, request: WithoutKey<IssueRequest>): Promise<Credential> {
  const own = newKey();
  const key = localSigner(own).publicKey;
  return credentialOf((await issueCertificate(issuer, { ...request, key }, CONTEXT)).chain, own);
}

/** A certificate as a hostile authority may give it: properly signed, and held against no rule. */
export async function minted(issuer: Issuer, request: Omit<MintRequest, 'key'>): Promise<Credential> {
  const own = newKey();
  return credentialOf([await mint(issuer, { ...request, key: localSigner(own).publicKey }), ...issuer.chain], own);
}

/** An authority whose key a deployment has in a file. */
export const issuerOf = ({ chain, key }: CredentialFiles): Issuer =>
  loadIssuer(readFileSync(chain, 'utf8'), readFileSync(key, 'utf8'));

/** What a deployment has in files, as TLS takes it. */
export const tlsOf = ({ chain, key }: CredentialFiles, root: string): WireTls => ({
  root: readFileSync(root),
  cert: readFileSync(chain),
  key: readFileSync(key),
});

/** A PKCS #10 request that the OpenSSL program made, and the key in it. */
export interface OpensslCsr {
  /** DER */
  readonly csr: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/**
 * @param names for the subjectAltName, such as `URI:cpns://…` or `DNS:…`; none for a request without that extension
 * @throws Error with what OpenSSL says
 */
export function opensslCsr(names: readonly string[] = [], key = newKey()): OpensslCsr {
  const extensions = names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`];
  const csr = withDirectory((directory) => {
    const file = join(directory, 'key.pem');
    writeFileSync(file, key.export({ type: 'pkcs8', format: 'pem' }));
    return opensslOk(['req', '-new', '-key', file, '-subj', '/CN=ignored', '-outform', 'DER', ...extensions]);
  });
  return { csr, spki: createPublicKey(key).export({ type: 'spki', format: 'der' }) };
}
