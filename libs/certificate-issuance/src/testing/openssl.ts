import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dersToPem } from '../pki/pem';

export interface OpensslRun {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs the OpenSSL command line, the independent judge; a missing program is an error and no answer. */
export function openssl(args: readonly string[], input?: Buffer | string): OpensslRun {
  const run = spawnSync('openssl', args, { input, timeout: 60_000 });
  if (run.error !== undefined) throw run.error;
  return { status: run.status, stdout: run.stdout, stderr: run.stderr.toString() };
}

/** Like {@link openssl}, and an error unless it succeeds. */
export function opensslOk(args: readonly string[], input?: Buffer | string): Buffer {
  const { status, stdout, stderr } = openssl(args, input);
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** A directory for files that OpenSSL reads and writes, removed afterwards. */
export function withDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'cpns-openssl-'));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export interface OpensslChain {
  /** DER, leaf first, the root last. */
  readonly chain: readonly Uint8Array[];
  readonly purpose?: 'sslclient' | 'sslserver';
  /** Unix milliseconds. */
  readonly at: number;
  /** Revocation lists, DER. */
  readonly crls?: readonly Buffer[];
  readonly crlCheck?: '-crl_check' | '-crl_check_all';
}

/** What `openssl verify -x509_strict` says of a chain. */
export function opensslVerify({ chain, purpose = 'sslclient', at, crls = [], crlCheck }: OpensslChain) {
  return withDirectory((directory) => {
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const pemCrls = crls.map((crl) => opensslOk(['crl', '-inform', 'DER'], crl).toString()).join('');
    const { status, stdout, stderr } = openssl([
      'verify',
      '-x509_strict',
      ...['-purpose', purpose, '-attime', String(Math.floor(at / 1000))],
      ...['-CAfile', file('root.pem', dersToPem(chain.slice(-1)))],
      ...(chain.length > 2 ? ['-untrusted', file('untrusted.pem', dersToPem(chain.slice(1, -1)))] : []),
      ...(crlCheck === undefined ? [] : [crlCheck, '-CRLfile', file('crls.pem', pemCrls)]),
      file('leaf.pem', dersToPem(chain.slice(0, 1))),
    ]);
    return { accepted: status === 0, text: `${stdout.toString()}${stderr}` };
  });
}
