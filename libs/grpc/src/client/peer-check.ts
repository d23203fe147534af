import { unauthenticated } from '@cpns/core';
import { X509Certificate } from 'node:crypto';
import tls, { type PeerCertificate } from 'node:tls';

// Node writes a name that holds a comma, a quote or a control character as a quoted string; what is not quoted can be
// split. No CPNS name needs quoting, so a certificate with a quoted entry is not one of ours.
const ENTRY = /^(DNS|IP Address|URI):([^",\s]+)$/;

/**
 * The one URI in a certificate's subjectAltName, without the user of an entity.
 * @returns undefined where there is none, more than one, or an entry of another kind than DNS, IP or URI
 */
export function soleUri(subjectAltName: string | undefined): string | undefined {
  const entries = (subjectAltName ?? '').split(', ').map((entry) => ENTRY.exec(entry));
  if (!entries.every((entry) => entry !== null)) return undefined;
  const uris = entries.filter(([, kind]) => kind === 'URI');
  const [, , uri] = uris[0] ?? [];
  return uris.length === 1 ? uri?.replace(/\?user=[A-Za-z0-9._-]{1,64}$/, '') : undefined;
}

export type ServerIdentityCheck = (host: string, certificate: PeerCertificate) => Error | undefined;

/**
 * What generic TLS checks (the name that was dialled), and that the peer is exactly the one that is meant. There is no
 * fallback from one to the other.
 */
export function serverIdentityCheck(host: string, expectedPeer: string): ServerIdentityCheck {
  return (_host, certificate) => {
    const wrongName = tls.checkServerIdentity(host, certificate);
    if (wrongName !== undefined) return wrongName;
    if (soleUri(new X509Certificate(certificate.raw).subjectAltName) === expectedPeer) return undefined;
    return unauthenticated('PEER_UNEXPECTED', 'the peer that answered is not the one that was meant', {
      metadata: { expected: expectedPeer },
    });
  };
}
