import { newKey, opensslOk, withDirectory } from '@cpns/certificate-issuance/testing';
import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A PKCS #10 request that the OpenSSL program made, and the key in it. */
export interface OpensslCsr {
  /** DER */
  readonly csr: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/**
 * @param names for the subjectAltName, such as `URI:cpns://…` or `DNS:…`; none for a request without that extension
 * @throws Error with what OpenSSL says
 */
export function opensslCsr(names: readonly string[] = [], key = newKey()): OpensslCsr {
  const extensions = names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`];
  const csr = withDirectory((directory) => {
    const file = join(directory, 'key.pem');
    writeFileSync(file, key.export({ type: 'pkcs8', format: 'pem' }));
    return opensslOk(['req', '-new', '-key', file, '-subj', '/CN=ignored', '-outform', 'DER', ...extensions]);
  });
  return { csr, spki: createPublicKey(key).export({ type: 'spki', format: 'der' }) };
}
