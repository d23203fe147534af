/** `pki init`: the certificates of a new trust domain, each key in a file that only its owner reads. */
import { createDevelopmentPki, privateKeyPem, type Credentials, type ServerNames } from '@cpns/certificate-issuance';
import { Command } from 'commander';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asUsageError, UsageError } from '../exit-codes';
import { type Io, writing } from '../io';
import * as values from '../option-values';
import { fieldTable, withOutput, writeAnswer, type OutputFormat } from '../output';
import { PKI_FILES, serviceChainFile, serviceKeyFile, SERVICES } from './layout';

interface InitFlags {
  readonly trustDomain: string;
  readonly out: string;
  readonly operator: string;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly output: OutputFormat;
}

interface NewFile {
  readonly name: string;
  readonly content: string;
  /** Private keys; certificates are for everyone. */
  readonly secret: boolean;
}

const publicFile = (name: string, content: string): NewFile => ({ name, content, secret: false });
const keyFile = (name: string, { privateKey }: Credentials): NewFile => ({
  name,
  content: privateKeyPem(privateKey),
  secret: true,
});

/** Everything that is made, before anything is written. */
async function makeFiles({ trustDomain, operator, dns = [], ip }: InitFlags): Promise<NewFile[]> {
  const pki = await createDevelopmentPki({ trustDomain });
  const namesOf = (service: string): ServerNames => ({
    dnsNames: [...new Set(['localhost', service, ...dns])],
    ipAddresses: ip ?? ['127.0.0.1'],
  });
  const services = await Promise.all(
    SERVICES.map(async (service) => ({ service, credentials: await pki.issueService(service, namesOf(service)) })),
  );
  const operatorCredentials = await pki.issueOperator(operator);
  return [
    publicFile(PKI_FILES.root, pki.root.certificatePem),
    keyFile(PKI_FILES.rootKey, pki.root),
    publicFile(PKI_FILES.issuingCa, pki.issuingCa.certificatePem),
    keyFile(PKI_FILES.issuingCaKey, pki.issuingCa),
    publicFile(PKI_FILES.entityCa, pki.serverEntityCa.certificatePem),
    keyFile(PKI_FILES.entityCaKey, pki.serverEntityCa),
    ...services.flatMap(({ service, credentials }) => [
      publicFile(serviceChainFile(service), credentials.chainPem),
      keyFile(serviceKeyFile(service), credentials),
    ]),
    publicFile(PKI_FILES.operatorChain, operatorCredentials.chainPem),
    keyFile(PKI_FILES.operatorKey, operatorCredentials),
  ];
}

/** Refuses as a whole when one of the files is there: half of one trust domain and half of another is of no use. */
function writeAll(directory: string, files: readonly NewFile[]): void {
  const taken = files.find(({ name }) => existsSync(join(directory, name)));
  if (taken !== undefined) throw new UsageError(`${join(directory, taken.name)} is there already; nothing was written`);
  writing(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));
  for (const { name, content, secret } of files)
    writing(join(directory, name), () =>
      writeFileSync(join(directory, name), content, { mode: secret ? 0o600 : 0o644, flag: 'wx' }),
    );
}

export function initCommand(io: Io): Command {
  const command = new Command('init')
    .description('make root CA, issuing CA, Server entity CA, and certificates for the services and an operator')
    .requiredOption('--trust-domain <name>', 'trust domain of every name, lower-case DNS labels', values.trustDomain)
    .requiredOption('--out <dir>', 'where the files go; none of them may be there')
    .option('--operator <name>', 'name of the operator', values.name, 'admin')
    .option(
      '--dns <name>',
      'DNS name of the services besides localhost and their own; repeatable',
      values.repeated((text: string) => text),
    )
    .option(
      '--ip <address>',
      'address of the services instead of 127.0.0.1; repeatable',
      values.repeated(values.ipAddress),
    )
    .addHelpText(
      'after',
      '\nKeep root.key and issuing.key off the machines that serve: the root key is needed for nothing but a new issuing CA.',
    );
  return withOutput(command).action(async (flags: InitFlags) => {
    const files = await makeFiles(flags).catch((error: unknown) => {
      throw asUsageError('pki init', error);
    });
    writeAll(flags.out, files);
    const answer = { trustDomain: flags.trustDomain, directory: flags.out, files: files.map(({ name }) => name) };
    writeAnswer(io, flags.output, answer, () =>
      fieldTable([
        ['trust domain', answer.trustDomain],
        ['directory', answer.directory],
        ['files', answer.files.join('\n')],
      ]),
    );
  });
}
