import { generateKeyPairSync } from 'node:crypto';
import {
  PrivateKeyDer,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  checkTrustDomain,
  operatorUri,
  serviceUri,
} from '@cpns/core';
import { createIssuer, type Issuer } from '../issue/issuer';
import { issueCertificate, type IssueContext } from '../issue/issue-certificate';
import type { IssueRequest } from '../issue/request';
import { signerFromPkcs8 } from '../keys/signer';
import { issueRoot } from './issue-root';
import { derToPem, dersToPem } from './pem';

/** A certificate with its chain and its private key. */
export interface Credentials {
  /** DER, leaf first, up to and with the root. */
  readonly chain: readonly Buffer[];
  /** The same, as one PEM file. */
  readonly chainPem: string;
  /** The first certificate of the chain alone. */
  readonly certificatePem: string;
  readonly privateKey: PrivateKeyDer;
}

/** A certificate authority with its key in this process. */
export interface DevelopmentAuthority extends Credentials {
  readonly issuer: Issuer;
}

export interface ServerNames {
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Unix milliseconds. */
  readonly notAfter?: number;
}

/** The authorities of one trust domain, and certificates for its services and operators. Entities get theirs online. */
export interface DevelopmentPki {
  readonly trustDomain: string;
  readonly root: DevelopmentAuthority;
  readonly issuingCa: DevelopmentAuthority;
  readonly serverEntityCa: DevelopmentAuthority;
  /** @throws CpnsError NAME_INVALID, FIELD_MISSING, FIELD_TOO_LONG */
  issueService(name: string, names?: ServerNames): Promise<Credentials>;
  /** @throws CpnsError NAME_INVALID, FIELD_MISSING, FIELD_TOO_LONG */
  issueOperator(name: string, notAfter?: number): Promise<Credentials>;
}

export interface DevelopmentPkiOptions {
  readonly trustDomain: string;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** PKCS #8 in PEM: for a file of mode 0600, and for nothing else. */
export const privateKeyPem = (key: PrivateKeyDer): string => derToPem(key.expose(), 'PRIVATE KEY');

/** A fresh P-256 key. */
export function newPrivateKey(): PrivateKeyDer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const secret = new PrivateKeyDer(der);
  der.fill(0);
  return secret;
}

/**
 * Root, issuing CA and Server entity CA with keys made here, for development and demonstrations: a deployment keeps
 * its root offline.
 * @throws CpnsError NAME_INVALID, FIELD_MISSING, FIELD_TOO_LONG for a trust domain that is none
 */
export async function createDevelopmentPki(options: DevelopmentPkiOptions): Promise<DevelopmentPki> {
  const trustDomain = checkTrustDomain(options.trustDomain);
  const context: IssueContext = { clock: options.clock ?? systemClock, random: options.random ?? systemRandom };
  const root = await makeRoot(context);
  const issuingCa = await makeAuthority(root, 'issuing-ca', context);
  const serverEntityCa = await makeAuthority(issuingCa, 'server-entity-ca', context);
  return {
    trustDomain,
    root,
    issuingCa,
    serverEntityCa,
    issueService: async (name, names = {}) =>
      issueCredentials(issuingCa, { profile: 'service', uri: serviceUri(trustDomain, name), ...names }, context),
    issueOperator: async (name, notAfter) =>
      issueCredentials(
        issuingCa,
        { profile: 'operator', uri: operatorUri(trustDomain, name), ...(notAfter === undefined ? {} : { notAfter }) },
        context,
      ),
  };
}

async function makeRoot(context: IssueContext): Promise<DevelopmentAuthority> {
  const privateKey = newPrivateKey();
  const signer = signerFromPkcs8(privateKey);
  return asAuthority(credentials([await issueRoot(signer, context)], privateKey));
}

async function makeAuthority(
  above: DevelopmentAuthority,
  profile: 'issuing-ca' | 'server-entity-ca',
  context: IssueContext,
): Promise<DevelopmentAuthority> {
  return asAuthority(await issueCredentials(above, { profile }, context));
}

type WithoutKey<T> = T extends unknown ? Omit<T, 'key'> : never;

export async function issueCredentials(
  above: Pick<DevelopmentAuthority, 'issuer'>,
  request: WithoutKey<IssueRequest>,
  context: IssueContext,
): Promise<Credentials> {
  const privateKey = newPrivateKey();
  const { publicKey } = signerFromPkcs8(privateKey);
  const { chain } = await issueCertificate(above.issuer, { ...request, key: publicKey }, context);
  return credentials(chain, privateKey);
}

const credentials = (chain: readonly Buffer[], privateKey: PrivateKeyDer): Credentials => ({
  chain,
  chainPem: dersToPem(chain),
  certificatePem: dersToPem(chain.slice(0, 1)),
  privateKey,
});

export const asAuthority = (of: Credentials): DevelopmentAuthority => ({
  ...of,
  issuer: createIssuer(of.chain, signerFromPkcs8(of.privateKey)),
});
