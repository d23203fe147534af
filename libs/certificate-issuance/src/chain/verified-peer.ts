import { CpnsError, invalidArgument, type EntityName, type Role, type Subject } from '@cpns/core';
import type { ParsedCertificate } from '../certificate/parse-certificate';
import type { KeyKind, PublicKey } from '../keys/public-key';
import {
  isMismatch,
  matchProfile,
  readSubject,
  subjectKindOf,
  type Match,
  type Mismatch,
} from '../profiles/match-profile';
import type { Profile, ProfileId } from '../profiles/profile';
import { PROFILES } from '../profiles/profiles';

/** Who holds a certificate, and what that makes of it. */
export interface PeerIdentity {
  /**
   * What the peer may be to the access rules. It follows from who issued the certificate: one that an entity CA issued
   * gives no role but `target-entity`, even where its E is that of a PN GW.
   */
  readonly role: Role;
  readonly subject: Subject;
  /** DER. */
  readonly leafDer: Buffer;
  /** SHA-256 of `leafDer`. */
  readonly fingerprint: Buffer;
  /** Big-endian, without a sign byte. */
  readonly serial: Buffer;
  readonly keyKind: KeyKind;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
  readonly key: PublicKey;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

/** A peer whose whole chain was verified. */
export interface VerifiedPeer extends PeerIdentity {
  readonly issuedBy: 'issuing-ca' | 'server-entity-ca' | 'gateway-ca';
  /** The gateway whose CA issued it. It counts only where the admission names that gateway as assigner. */
  readonly issuer?: EntityName;
  /** The certificate that issued it, DER. */
  readonly issuerDer: Buffer;
  /** Serial numbers from the leaf up to, and without, the root: what a revocation may name. */
  readonly serials: readonly Buffer[];
}

const FROM_ISSUING_CA: Readonly<Record<string, ProfileId>> = {
  service: 'service',
  operator: 'operator',
  'pn-gw': 'gateway-identity',
};

/**
 * The profile that a leaf has to fit, from who issued it and what it names, and what it says under that profile.
 * @throws CpnsError CERTIFICATE_NAME, CERTIFICATE_ROLE, CERTIFICATE_MALFORMED
 */
export function readLeaf(leaf: ParsedCertificate, issuedByIssuingCa: boolean): Match & { readonly subject: Subject } {
  if (leaf.extensions.basicConstraints?.value.ca === true)
    throw new CpnsError('CERTIFICATE_ROLE', 'an authority’s certificate identifies no peer');
  const subject = readSubject(leaf);
  if (subject === null) throw invalidArgument('CERTIFICATE_NAME', 'the certificate does not hold exactly one CPNS URI');
  const id = issuedByIssuingCa ? FROM_ISSUING_CA[subjectKindOf(subject.name)] : entityOnly(subject);
  if (id === undefined)
    throw new CpnsError('CERTIFICATE_ROLE', 'the certificate’s issuer does not issue for names of that kind');
  const result = matchProfile(leaf, PROFILES[id]);
  if (isMismatch(result)) throw asLeafError(result, PROFILES[id]);
  return { ...result, subject };
}

const entityOnly = ({ name }: Subject): ProfileId | undefined => (name.kind === 'entity' ? 'target-entity' : undefined);

function asLeafError({ about, detail }: Mismatch, { title }: Profile): CpnsError {
  const cause = new Error(detail);
  switch (about) {
    case 'usage':
      return new CpnsError('CERTIFICATE_ROLE', `the key may not be used as that of a ${title}: ${detail}`, { cause });
    case 'name':
      return invalidArgument('CERTIFICATE_NAME', `the certificate does not name a ${title}: ${detail}`, { cause });
    case 'form':
      return invalidArgument('CERTIFICATE_MALFORMED', `not a ${title} certificate: ${detail}`, { cause });
  }
}

/** What a leaf says, once its issuer is known. */
export function identityOf(leaf: ParsedCertificate, { profile, subject }: ReturnType<typeof readLeaf>): PeerIdentity {
  return {
    role: profile.role ?? 'target-entity',
    subject,
    leafDer: leaf.der,
    fingerprint: leaf.fingerprint,
    serial: leaf.serial,
    keyKind: leaf.keyKind,
    spki: leaf.key.spki,
    key: leaf.key,
    notAfter: leaf.notAfter,
  };
}
