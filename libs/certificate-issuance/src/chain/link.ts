import { CpnsError } from '@cpns/core';
import { asMalformed, type ParsedCertificate } from '../certificate/parse-certificate';
import { isIssuingAlgorithm, verifySignature } from '../keys/signature-algorithm';

/** True when `child` says of itself that `parent` issued it, by name and by key. */
export function claimsIssuer(child: ParsedCertificate, parent: ParsedCertificate): boolean {
  const keyId = parent.extensions.subjectKeyIdentifier?.value;
  const claimed = child.extensions.authorityKeyIdentifier?.value;
  return child.issuer.equals(parent.subject) && keyId !== undefined && claimed?.equals(keyId) === true;
}

/** Links that were found to hold, between objects that stay what they are. */
const SIGNED_BY = new WeakMap<ParsedCertificate, ParsedCertificate>();

/**
 * True when `parent` signed `child`, with the one algorithm that authorities with its kind of key sign with.
 * @throws CpnsError CERTIFICATE_MALFORMED when the parent's key is none
 */
export function isSignedBy(child: ParsedCertificate, parent: ParsedCertificate): boolean {
  if (SIGNED_BY.get(child) === parent) return true;
  if (!isIssuingAlgorithm(child.algorithm, parent.keyKind)) return false;
  try {
    const verified = verifySignature(child.tbs, child.algorithm, parent.key, child.signature);
    if (verified) SIGNED_BY.set(child, parent);
    return verified;
  } catch (cause) {
    throw asMalformed(cause);
  }
}

/**
 * The first and cheapest condition between a certificate and its issuer.
 * @throws CpnsError CERTIFICATE_CHAIN
 */
export function checkIssuerName(child: ParsedCertificate, parent: ParsedCertificate): void {
  if (!child.issuer.equals(parent.subject))
    throw new CpnsError('CERTIFICATE_CHAIN', 'a certificate names another issuer than the one above it');
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
