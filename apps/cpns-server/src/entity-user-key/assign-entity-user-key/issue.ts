import { issueCertificate, type IssueRequest, type Issuer, type ParsedCsr } from '@cpns/certificate-issuance';
import { formatSubject } from '@cpns/core';
import { sha256 } from '@cpns/key-derivation';
import type { ServerContext } from '../../context';
import type { AdmissionRecord } from '../../records/entity-records';

export interface Issued {
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** SHA-256 of the leaf, 32 bytes. */
  readonly digest: Buffer;
  /** SHA-256 of its public key, 32 bytes. */
  readonly keyDigest: Buffer;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

/** The certificate of whoever was admitted; of the request it takes the public key and nothing else. */
export async function issueFor(server: ServerContext, admission: AdmissionRecord, csr: ParsedCsr): Promise<Issued> {
  const { issuer, request } =
    admission.role === 'pn-gw' ? identity(server, admission, csr) : targetEntity(server, admission, csr);
  const { chain, fingerprint, notAfter } = await issueCertificate(issuer, request, server);
  return { chain, digest: fingerprint, keyDigest: sha256(csr.spki), notAfter };
}

interface ToIssue {
  readonly issuer: Issuer;
  readonly request: IssueRequest;
}

function identity(
  server: ServerContext,
  { entity, dnsNames, ipAddresses }: AdmissionRecord,
  { key }: ParsedCsr,
): ToIssue {
  const notAfter = server.clock.now() + server.limits.identityLifetime;
  return {
    issuer: server.issuingCa,
    request: { profile: 'gateway-identity', uri: entity, dnsNames, ipAddresses, key, notAfter },
  };
}

function targetEntity(server: ServerContext, { entity, user }: AdmissionRecord, { key }: ParsedCsr): ToIssue {
  const notAfter = server.clock.now() + server.limits.keyLifetime;
  return {
    issuer: server.entityCa,
    request: { profile: 'target-entity', uri: formatSubject(entity, user), key, notAfter },
  };
}
