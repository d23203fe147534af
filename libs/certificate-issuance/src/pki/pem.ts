import { invalidArgument, type Reason } from '@cpns/core';

const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;
/** A chain and some text beside it, in characters. */
const PEM_MAX_LENGTH = 65_536;

/**
 * The certificates of a PEM file in their order (RFC 7468); text between them is passed over.
 * @throws CpnsError CERTIFICATE_MALFORMED when there is none, a block is not base64, or the text is over 64 KiB
 */
export function pemToDers(pem: string): Buffer[] {
  const malformed = (what: string) => invalidArgument('CERTIFICATE_MALFORMED' satisfies Reason, what);
  if (pem.length > PEM_MAX_LENGTH) throw malformed(`the PEM text is over ${PEM_MAX_LENGTH} characters`);
  const ders = [...pem.matchAll(BLOCK)].map(([, body = '']) => {
    const text = body.replace(/\s/g, '');
    const der = Buffer.from(text, 'base64');
    if (der.length === 0 || der.toString('base64') !== text) throw malformed('a PEM block is not base64');
    return der;
  });
  const begun = pem.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (ders.length === 0 || ders.length !== begun) throw malformed('expected PEM blocks of certificates');
  return ders;
}

/** One PEM block. @param label as in `-----BEGIN label-----` */
export function derToPem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  return `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
}

/** A chain in one file, in the order given. */
export const dersToPem = (ders: readonly Uint8Array[]): string => ders.map((der) => derToPem(der)).join('');
