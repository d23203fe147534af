import { invalidArgument, parseSubject } from '@cpns/core';
import type { ParsedCsr } from './parse-csr';

/**
 * An issuer takes no name from a request. One that asks for another name than it will get is refused all the same: its
 * sender is mistaken about who it is, or tries something.
 * @param admitted the URI that the certificate will carry: E, or E with its user
 * @throws CpnsError CSR_NAME_MISMATCH unless the request asks for no name, or for exactly one URI: `admitted`, with or
 *   without the user
 */
export function checkRequestedName(csr: Pick<ParsedCsr, 'requestedNames'>, admitted: string): void {
  if (csr.requestedNames.length === 0) return;
  const { name } = parseSubject(admitted);
  const [asked, ...others] = csr.requestedNames.flat();
  // compared as strings: a parser of URLs is what the user-info and path tricks are made for
  const fits = asked?.kind === 'uri' && (asked.value === admitted || asked.value === name.uri);
  if (csr.requestedNames.length !== 1 || others.length > 0 || !fits)
    throw invalidArgument(
      'CSR_NAME_MISMATCH',
      'ask for no subject alternative name, or for the one URI that was admitted and nothing else',
    );
}
