import { CpnsError } from '@cpns/core';
import { asMalformed, type ParsedCertificate } from '../certificate/parse-certificate';
import { isIssuingAlgorithm, verifySignature } from '../keys/signature-algorithm';

/** True when `child` says of itself that `parent` issued it, by name and by key. */
export function claimsIssuer(child: ParsedCertificate, parent: ParsedCertificate): boolean {
  const keyId = parent.extensions.subjectKeyIdentifier?.value;
  const claimed = child.extensions.authorityKeyIdentifier?.value;
  return child.issuer.equals(parent.subject) && keyId !== undefined && claimed?.equals(keyId) === true;
}

/**
 * True when `parent` signed `child`, with the one algorithm that authorities with its kind of key sign with.
 * @throws CpnsError CERTIFICATE_MALFORMED when the parent's key is none
 */
export function isSignedBy(child: ParsedCertificate, parent: ParsedCertificate): boolean {
  if (!isIssuingAlgorithm(child.algorithm, parent.keyKind)) return false;
  try {
    return verifySignature(child.tbs, child.algorithm, parent.key, child.signature);
  } catch (cause) {
    throw asMalformed(cause);
  }
}

/**
 * Every condition between a certificate and its issuer.
 * @throws CpnsError CERTIFICATE_CHAIN
 */
export function checkLink(child: ParsedCertificate, parent: ParsedCertificate): void {
  if (!claimsIssuer(child, parent))
    throw new CpnsError('CERTIFICATE_CHAIN', 'a certificate was not issued by the one above it');
  if (child.notAfter > parent.notAfter)
    throw new CpnsError('CERTIFICATE_CHAIN', 'a certificate outlives the one above it');
  if (!isSignedBy(child, parent))
    throw new CpnsError('CERTIFICATE_CHAIN', 'a certificate is not signed by the one above it');
}

/** @param now Unix milliseconds @throws CpnsError CERTIFICATE_EXPIRED */
export function checkValidity({ notBefore, notAfter }: ParsedCertificate, now: number): void {
  // notAfter is the last valid second, all of it (RFC 5280, 4.1.2.5)
  if (now >= notBefore && now < notAfter + 1000) return;
  const early = now < notBefore;
  throw new CpnsError(
    'CERTIFICATE_EXPIRED',
    `a certificate of the chain ${early ? 'is not valid yet' : 'has expired'}`,
    {
      metadata: { 'not-before': String(notBefore), 'not-after': String(notAfter), now: String(now) },
    },
  );
}
