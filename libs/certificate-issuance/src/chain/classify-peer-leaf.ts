import { CpnsError } from '@cpns/core';
import { parseCertificate } from '../certificate/parse-certificate';
import { authorityProfile } from '../issue/issuer';
import { checkValidity, claimsIssuer, isSignedBy } from './link';
import { identityOf, readLeaf, type PeerIdentity } from './verified-peer';

/**
 * Decides what a TLS peer is, where the TLS stack hands out the leaf only (grpc-js does): a leaf that the issuing CA
 * signed has the role of its profile, and any other can only be a target entity's, since no third authority exists.
 * To be used on leaves that TLS verified up to the root, and on no other.
 * @param issuingCaDer it alone gives roles
 * @throws CpnsError of {@link parseCertificate}; CERTIFICATE_ROLE when `issuingCaDer` is not the issuing CA's
 */
export function createPeerClassifier(issuingCaDer: Uint8Array) {
  const issuingCa = parseCertificate(issuingCaDer);
  const { id, title } = authorityProfile(issuingCa).profile;
  if (id !== 'issuing-ca') throw new CpnsError('CERTIFICATE_ROLE', `a ${title} certificate in the issuing CA’s place`);

  /**
   * @param leafDer of the peer's certificate
   * @param now Unix milliseconds
   * @throws CpnsError CERTIFICATE_MALFORMED, CERTIFICATE_NAME, CERTIFICATE_ROLE, CERTIFICATE_EXPIRED
   */
  return function classify(leafDer: Uint8Array, now: number): PeerIdentity {
    const leaf = parseCertificate(leafDer);
    const match = readLeaf(leaf, claimsIssuer(leaf, issuingCa) && isSignedBy(leaf, issuingCa));
    checkValidity(leaf, now);
    return identityOf(leaf, match);
  };
}
