import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDevelopmentPki, privateKeyPem, type Credentials } from '@cpns/certificate-issuance';

/** Services of the Server side, each with a certificate of its own. */
export const SERVER_SIDE = ['cpns-server', 'kmc', 'smf'] as const;
export type ServerSideService = (typeof SERVER_SIDE)[number];

/** A certificate with those above it up to the root, and its key of mode 0600; PEM. */
export interface CredentialFiles {
  readonly chain: string;
  /** The certificate alone. */
  readonly certificate: string;
  readonly key: string;
}

/** The files of a deployment's certificates. */
export interface PkiFiles {
  readonly root: string;
  readonly issuingCa: CredentialFiles;
  readonly serverEntityCa: CredentialFiles;
  readonly operator: CredentialFiles;
  readonly services: Readonly<Record<ServerSideService, CredentialFiles>>;
  /** DER */
  readonly rootDer: Buffer;
}

/** Writes a file that only its owner reads. */
export function writePrivate(file: string, content: string): string {
  writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
  return file;
}

/** A fresh master key: 32 random bytes in hexadecimal digits. */
export const writeMasterKey = (file: string): string => writePrivate(file, randomBytes(32).toString('hex'));

function writeCredentials(directory: string, name: string, credentials: Credentials): CredentialFiles {
  const files = {
    chain: join(directory, `${name}-chain.pem`),
    certificate: join(directory, `${name}.pem`),
    key: join(directory, `${name}.key`),
  };
  writeFileSync(files.chain, credentials.chainPem);
  writeFileSync(files.certificate, credentials.certificatePem);
  writePrivate(files.key, privateKeyPem(credentials.privateKey));
  return files;
}

/** Makes fresh certificates for a trust domain and writes them: authorities, the services on this machine, one operator. */
export async function writePki(directory: string, trustDomain: string): Promise<PkiFiles> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pki = await createDevelopmentPki({ trustDomain });
  const [rootDer] = pki.root.chain;
  if (rootDer === undefined) throw new Error('the root has a certificate');
  const root = join(directory, 'root.pem');
  writeFileSync(root, pki.root.certificatePem);
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  const services = await Promise.all(
    SERVER_SIDE.map(
      async (name) => [name, writeCredentials(directory, name, await pki.issueService(name, names))] as const,
    ),
  );
  return {
    root,
    rootDer,
    issuingCa: writeCredentials(directory, 'issuing', pki.issuingCa),
    serverEntityCa: writeCredentials(directory, 'server-entity-ca', pki.serverEntityCa),
    operator: writeCredentials(directory, 'operator', await pki.issueOperator('admin')),
    services: Object.fromEntries(services) as Record<ServerSideService, CredentialFiles>,
  };
}
