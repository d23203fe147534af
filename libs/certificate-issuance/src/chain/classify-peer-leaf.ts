import { type Subject, CpnsError } from '@cpns/core';
import { parseCertificate, type ParsedCertificate } from '../certificate/parse-certificate';
import { authorityProfile } from '../issue/issuer';
import { checkValidity, claimsIssuer, isSignedBy } from './link';
import { identityOf, readLeaf, type PeerIdentity, type VerifiedPeer } from './verified-peer';

export interface PeerClassifierOptions {
  /** The issuing CA, DER: it alone gives roles. */
  readonly issuingCaDer: Uint8Array;
  /** Entity CAs that are known, DER: peers of theirs are told by issuer. */
  readonly entityCaDers?: readonly Uint8Array[];
}

/** A peer that TLS verified up to the root, of which only the leaf is left to look at. */
export interface ClassifiedPeer extends PeerIdentity {
  /** `unknown`: an entity CA that this process does not know; TLS verified it, and it gives no role. */
  readonly issuedBy: VerifiedPeer['issuedBy'] | 'unknown';
}

interface Authority {
  readonly certificate: ParsedCertificate;
  readonly id: VerifiedPeer['issuedBy'];
  readonly subject: Subject | undefined;
}

/**
 * Decides what a TLS peer is, where the TLS stack hands out the leaf only (grpc-js does): a leaf that the issuing CA
 * signed has the role of its profile, and any other can only be a target entity's, since no third authority exists.
 * To be used on leaves that TLS verified up to the root, and on no other.
 * @throws CpnsError of {@link parseCertificate}; CERTIFICATE_ROLE when `issuingCaDer` is not the issuing CA's or an
 *   entity CA not an entity CA's
 */
export function createPeerClassifier({ issuingCaDer, entityCaDers = [] }: PeerClassifierOptions) {
  const issuingCa = readAuthority(issuingCaDer, ['issuing-ca']);
  const entityCas = entityCaDers.map((der) => readAuthority(der, ['server-entity-ca', 'gateway-ca']));

  /**
   * @param leafDer of the peer's certificate
   * @param now Unix milliseconds
   * @throws CpnsError CERTIFICATE_MALFORMED, CERTIFICATE_NAME, CERTIFICATE_ROLE, CERTIFICATE_EXPIRED
   */
  return function classify(leafDer: Uint8Array, now: number): ClassifiedPeer {
    const leaf = parseCertificate(leafDer);
    const issuer = [issuingCa, ...entityCas].find(({ certificate }) => isIssuedBy(leaf, certificate));
    const match = readLeaf(leaf, issuer === issuingCa);
    checkValidity(leaf, now);
    return { ...identityOf(leaf, match), issuedBy: issuer?.id ?? 'unknown' };
  };
}

/** {@link createPeerClassifier} for one leaf. */
export const classifyPeerLeaf = (leafDer: Uint8Array, options: PeerClassifierOptions, now: number): ClassifiedPeer =>
  createPeerClassifier(options)(leafDer, now);

const isIssuedBy = (leaf: ParsedCertificate, authority: ParsedCertificate): boolean =>
  claimsIssuer(leaf, authority) && isSignedBy(leaf, authority);

function readAuthority(der: Uint8Array, expected: readonly Authority['id'][]): Authority {
  const certificate = parseCertificate(der);
  const { profile, subject } = authorityProfile(certificate);
  const id = expected.find((known) => known === profile.id);
  if (id === undefined) throw new CpnsError('CERTIFICATE_ROLE', `a ${profile.title} certificate in another’s place`);
  return { certificate, id, subject };
}
