import { createPeerClassifier, type PeerIdentity } from '@cpns/certificate-issuance';
import { CpnsError, permissionDenied, unauthenticated, type Clock } from '@cpns/core';
import { createHash } from 'node:crypto';
import type { IdentifyPeer } from './peer';

export interface PeerIdentifierOptions {
  /** The issuing CA, DER: it alone gives roles. */
  readonly issuingCaDer: Uint8Array;
  /** Names of another trust domain are refused under any issuer. */
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** Map parse errors of the peer certificate to UNAUTHENTICATED. */
function asPeerFault(error: unknown): unknown {
  if (!(error instanceof CpnsError) || error.code !== 'INVALID_ARGUMENT') return error;
  return unauthenticated('PEER_IDENTITY_INVALID', `your certificate carries no CPNS identity: ${error.message}`, {
    cause: error,
  });
}

/**
 * What the certificates of CPNS make of a TLS peer (docs/protocol.md, "Certificates").
 * Its result throws PEER_IDENTITY_INVALID, CERTIFICATE_ROLE, CERTIFICATE_EXPIRED and TRUST_DOMAIN.
 * @throws CpnsError when `issuingCaDer` is not an issuing CA's certificate
 */
export function peerIdentifier({ issuingCaDer, trustDomain, clock }: PeerIdentifierOptions): IdentifyPeer {
  const classify = createPeerClassifier(issuingCaDer);
  return (leafDer) => {
    let found: PeerIdentity;
    try {
      found = classify(leafDer, clock.now());
    } catch (error) {
      throw asPeerFault(error);
    }
    const { name, user } = found.subject;
    if (name.trustDomain !== trustDomain)
      throw permissionDenied('TRUST_DOMAIN', 'your certificate names another trust domain');
    const { role, fingerprint, notAfter } = found;
    const keyDigest = createHash('sha256').update(found.spki).digest();
    return { uri: name.uri, name, user, role, fingerprint, keyDigest, leafDer: found.leafDer, notAfter };
  };
}
