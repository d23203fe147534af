import { CpnsError, invalidArgument, type EntityName, type Subject } from '@cpns/core';
import type { Asn1 } from '../der/asn1';
import { remember } from '../extensions';
import { authorityKeyIdentifier } from '../extensions/authority-key-identifier';
import { extensionNode } from '../extensions/extension';
import { issuingAlgorithmNode } from '../keys/signature-algorithm';
import type { Signer } from '../keys/signer';
import { parseCertificate, type ParsedCertificate } from '../certificate/parse-certificate';
import { isMismatch, matchProfile } from '../profiles/match-profile';
import type { Profile } from '../profiles/profile';
import { PROFILES } from '../profiles/profiles';

/** An authority that issues: its certificate, its key, and what of its certificates never changes, built once. */
export interface Issuer {
  readonly profile: Profile;
  readonly certificate: ParsedCertificate;
  readonly signer: Signer;
  /** This authority's certificate and those above it, as far as they were given; the root last. */
  readonly chain: readonly Buffer[];
  /** The gateway that a gateway CA belongs to. */
  readonly gateway?: EntityName;
  readonly parts: IssuerParts;
}

interface IssuerParts {
  readonly issuerName: Asn1;
  readonly algorithm: Asn1;
  readonly authorityKeyIdentifier: Asn1;
}

const AUTHORITIES = Object.values<Profile>(PROFILES).filter(({ authority }) => authority !== undefined);

/**
 * The authority's profile of a certificate.
 * @throws CpnsError CERTIFICATE_ROLE when it is none
 */
export function authorityProfile(certificate: ParsedCertificate): { profile: Profile; subject?: Subject } {
  for (const profile of AUTHORITIES) {
    const result = matchProfile(certificate, profile);
    if (!isMismatch(result)) return result;
  }
  throw new CpnsError('CERTIFICATE_ROLE', 'the certificate is not that of a CPNS authority');
}

/**
 * @param chain the authority's certificate and those above it, DER, in order; at least the first
 * @throws CpnsError CERTIFICATE_MALFORMED, CERTIFICATE_ROLE; CONFIGURATION_INVALID when the key is not the certificate's
 */
export function createIssuer(chain: readonly Uint8Array[], signer: Signer): Issuer {
  const [first] = chain;
  if (first === undefined) throw invalidArgument('CONFIGURATION_INVALID', 'the issuer has no certificate');
  const certificate = parseCertificate(first);
  const { profile, subject } = authorityProfile(certificate);
  if (!certificate.key.spki.equals(signer.publicKey.spki))
    throw invalidArgument('CONFIGURATION_INVALID', `the key is not that of the ${profile.title} certificate`);
  return issuerOf(
    certificate,
    signer,
    profile,
    chain.map((der) => Buffer.from(der)),
    subject,
  );
}

function issuerOf(
  certificate: ParsedCertificate,
  signer: Signer,
  profile: Profile,
  chain: readonly Buffer[],
  subject: Subject | undefined,
): Issuer {
  const keyId = certificate.extensions.subjectKeyIdentifier?.value ?? Buffer.alloc(0);
  const parts = {
    issuerName: certificate.subjectNode,
    algorithm: issuingAlgorithmNode(signer.publicKey.kind),
    authorityKeyIdentifier: remember(extensionNode(authorityKeyIdentifier, keyId, false)),
  };
  const issuer = { profile, certificate, signer, chain, parts };
  return subject?.name.kind === 'entity' ? { ...issuer, gateway: subject.name } : issuer;
}

/** True when an authority may issue certificates of a profile. */
export const mayIssue = (issuer: Issuer, profile: Profile): boolean => profile.issuedBy.includes(issuer.profile.id);
