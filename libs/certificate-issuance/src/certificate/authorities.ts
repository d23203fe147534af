import { LRUCache } from 'lru-cache';
import { parseCertificate, type ParsedCertificate } from './parse-certificate';

/** How many authorities are kept: every gateway of a large deployment that is in touch at one time. */
export const AUTHORITIES_MAX = 1024;

const KNOWN = new LRUCache<string, ParsedCertificate>({ max: AUTHORITIES_MAX });

/**
 * {@link parseCertificate} for authorities, which come again with every chain: the same bytes give the same object, so
 * that its key is imported once and what was verified of it need not be again. Holds the last ones only: a peer that
 * fills it with chains of its own slows others down and changes no verdict.
 * @throws CpnsError CERTIFICATE_MALFORMED
 */
export function parseAuthority(der: Uint8Array): ParsedCertificate {
  const id = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
  const known = KNOWN.get(id);
  const certificate = known ?? parseCertificate(der);
  if (known === undefined) KNOWN.set(id, certificate);
  return certificate;
}
