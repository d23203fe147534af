/** How every command that talks to the CPNS Server reaches it, and as whom. */
import { pemToDers, verifyChain } from '@cpns/certificate-issuance';
import { EnrolmentServiceService, EntityUserKeyServiceService } from '@cpns/contracts';
import { connectTo, type ClientMethods } from '@cpns/grpc';
import { serviceUri } from '@cpns/identity';
import { Option, type Command } from 'commander';
import { join } from 'node:path';
import { checkInput, UsageError } from './exit-codes';
import { readInput } from './files';
import * as values from './option-values';
import { PKI_FILES } from './pki/layout';

export interface ConnectionFlags {
  readonly server: string;
  readonly pki?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly root?: string;
}

export const DEFAULT_SERVER = '127.0.0.1:7400';

/** Adds the options that {@link connectToServer} takes. */
export const withConnection = (command: Command): Command =>
  command
    .addOption(
      new Option('--server <host:port>', 'certificate port of the CPNS Server')
        .argParser(values.endpoint)
        .default(DEFAULT_SERVER)
        .env('CPNSCTL_SERVER'),
    )
    .addOption(
      new Option(
        '--pki <dir>',
        `directory with ${PKI_FILES.root}, ${PKI_FILES.operatorChain} and ${PKI_FILES.operatorKey}, as pki init makes it`,
      ).env('CPNSCTL_PKI'),
    )
    .option('--cert <file>', 'operator certificate and those above it, PEM, instead of the one in --pki')
    .option('--key <file>', 'its private key, PEM')
    .option('--root <file>', 'root certificate, PEM');

/** The Server, as an operator calls it. */
export interface ServerConnection {
  /** URI of the Server. */
  readonly uri: string;
  /** DER */
  readonly root: Buffer;
  readonly enrolment: ClientMethods<typeof EnrolmentServiceService>;
  readonly entityUserKeys: ClientMethods<typeof EntityUserKeyServiceService>;
  close(): void;
}

function fileOf(flags: ConnectionFlags, flag: 'cert' | 'key' | 'root', name: string): string {
  const path = flags[flag] ?? (flags.pki === undefined ? undefined : join(flags.pki, name));
  if (path === undefined) throw new UsageError(`give --pki, or --${flag}: who is calling, and whom may be believed?`);
  return path;
}

/**
 * Nothing is dialled before the first call. Whom to expect follows from the operator's own certificate: the CPNS Server of
 * its trust domain.
 * @throws UsageError when a file is missing or is not what it should be
 */
export function connectToServer(flags: ConnectionFlags, now: number): ServerConnection {
  const files = {
    root: fileOf(flags, 'root', PKI_FILES.root),
    cert: fileOf(flags, 'cert', PKI_FILES.operatorChain),
    key: fileOf(flags, 'key', PKI_FILES.operatorKey),
  };
  const tls = { root: readInput(files.root), cert: readInput(files.cert), key: readInput(files.key) };
  const [root] = checkInput(files.root, () => pemToDers(tls.root.toString('utf8')));
  if (root === undefined) throw new UsageError(`${files.root} holds no certificate`);
  const peer = checkInput(files.cert, () => verifyChain({ chain: pemToDers(tls.cert.toString('utf8')), root, now }));
  if (peer.role !== 'operator')
    throw new UsageError(`${files.cert} is the certificate of a ${peer.role}, not of an operator`);
  const uri = serviceUri(peer.subject.name.trustDomain, 'cpns-server');
  const connection = openConnection(flags.server, uri, tls, files.key);
  return {
    uri,
    root,
    enrolment: connection.client(EnrolmentServiceService),
    entityUserKeys: connection.client(EntityUserKeyServiceService),
    close: () => connection.close(),
  };
}

type Tls = Readonly<Record<'root' | 'cert' | 'key', Buffer>>;

function openConnection(address: string, expectedPeer: string, tls: Tls, keyFile: string) {
  try {
    return connectTo({ address, expectedPeer, tls });
  } catch (cause) {
    // what OpenSSL says of a key may quote it
    throw new UsageError(`${keyFile} is not the private key of that certificate`, { cause });
  }
}

/** Opens a connection for one task and closes it afterwards. */
export async function withServer<T>(
  flags: ConnectionFlags,
  now: number,
  task: (server: ServerConnection) => Promise<T>,
): Promise<T> {
  const server = connectToServer(flags, now);
  try {
    return await task(server);
  } finally {
    server.close();
  }
}
