import { openssl, opensslOk, withDirectory } from '@cpns/certificate-issuance/testing';
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

/** As `openssl req -newkey` takes them. */
export type CsrKey =
  | { readonly rsaBits: number }
  /** Name of a curve. */
  | { readonly curve: string };

const P256: CsrKey = { curve: 'P-256' };

/**
 * @param names for the subjectAltName, such as `URI:cpns://…` or `DNS:…`; none for a request without that extension
 * @throws Error with what OpenSSL says
 */
export function opensslCsr(names: readonly string[] = [], key: CsrKey = P256): OpensslCsr {
  return withDirectory((directory) => {
    const config = join(directory, 'openssl.cnf');
    const request = join(directory, 'request.der');
    const names_ = names.map((name, index) => name.replace(':', `.${index + 1} = `)).join('\n');
    const extensions =
      names.length === 0 ? '' : `req_extensions = ext\n[ext]\nsubjectAltName = @san\n[san]\n${names_}\n`;
    writeFileSync(config, `[req]\nprompt = no\ndistinguished_name = dn\n${extensions}[dn]\nCN = ignored\n`);
    const algorithm =
      'curve' in key
        ? ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${key.curve}`]
        : ['-newkey', `rsa:${key.rsaBits}`];
    const files = ['-config', config, '-keyout', join(directory, 'key.pem'), '-out', request, '-outform', 'DER'];
    opensslOk(['req', '-new', '-nodes', ...algorithm, ...files]);
    const csr = opensslOk(['req', '-in', request, '-inform', 'DER', '-outform', 'DER']);
    const pem = opensslOk(['req', '-in', request, '-inform', 'DER', '-noout', '-pubkey']);
    return { csr, spki: createPublicKey(pem).export({ type: 'spki', format: 'der' }) };
  });
}

/** What OpenSSL says of a request's own signature: the judge of a control, and of what was broken on purpose. */
export function opensslVerifiesCsr(csr: Buffer): boolean {
  const { status, stderr } = openssl(['req', '-inform', 'DER', '-noout', '-verify'], csr);
  return status === 0 && !/failure/i.test(stderr);
}
