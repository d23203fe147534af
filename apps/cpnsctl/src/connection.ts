/** How every command that talks to the CPNS Server or to the SMF reaches it, and as whom. */
import { pemToDers, verifyChain } from '@cpns/certificate-issuance';
import {
  CertificateServiceService,
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  GroupKeyManagementServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import { connectTo, type ClientMethods, type Connection } from '@cpns/grpc';
import { duration, serviceUri } from '@cpns/core';
import { Option, type Command } from 'commander';
import { join } from 'node:path';
import { checkInput, UsageError } from './exit-codes';
import { readInput } from './io';
import * as values from './option-values';
import { PKI_FILES } from './pki/layout';

/** Who is calling, and whom may be believed. */
export interface IdentityFlags {
  readonly pki?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly root?: string;
}

export interface ConnectionFlags extends IdentityFlags {
  readonly server: string;
}

export interface SmfFlags extends IdentityFlags {
  readonly smf: string;
}

/** What the services have to commit for one answer may take them long: in a change of a group SMF, CPNS Server and KMC. */
export const CHANGE_DEADLINE = { deadlineMs: duration(30, 'second') };

export const DEFAULT_SERVER = '127.0.0.1:7400';
export const DEFAULT_SMF = '127.0.0.1:7420';

/** Adds the options that say who is calling. */
export const withIdentity = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--pki <dir>',
        `directory with ${PKI_FILES.root}, ${PKI_FILES.operatorChain} and ${PKI_FILES.operatorKey}, as pki init makes it`,
      ).env('CPNSCTL_PKI'),
    )
    .option('--cert <file>', 'operator certificate and those above it, PEM, instead of the one in --pki')
    .option('--key <file>', 'its private key, PEM')
    .option('--root <file>', 'root certificate, PEM');

const serverOption = () =>
  new Option('--server <host:port>', 'certificate port of the CPNS Server')
    .argParser(values.endpoint)
    .default(DEFAULT_SERVER)
    .env('CPNSCTL_SERVER');

const smfOption = () =>
  new Option('--smf <host:port>', 'certificate port of the SMF')
    .argParser(values.endpoint)
    .default(DEFAULT_SMF)
    .env('CPNSCTL_SMF');

/** Adds the options that {@link withServer} takes. */
export const withConnection = (command: Command): Command => withIdentity(command.addOption(serverOption()));

/** Adds the options that {@link withSmf} takes. */
export const withSmfConnection = (command: Command): Command => withIdentity(command.addOption(smfOption()));

/** Adds the options that both take. */
export const withBothConnections = (command: Command): Command =>
  withIdentity(command.addOption(serverOption()).addOption(smfOption()));

/** The Server, as an operator calls it. */
export interface ServerConnection {
  /** URI of the Server. */
  readonly uri: string;
  /** DER */
  readonly root: Buffer;
  readonly enrolment: ClientMethods<typeof EnrolmentServiceService>;
  readonly entityUserKeys: ClientMethods<typeof EntityUserKeyServiceService>;
  readonly groupKeys: ClientMethods<typeof GroupKeyManagementServiceService>;
  readonly certificates: ClientMethods<typeof CertificateServiceService>;
  close(): void;
}

/** The SMF, as an operator calls it. */
export interface SmfConnection {
  readonly serviceGroups: ClientMethods<typeof ServiceGroupServiceService>;
  close(): void;
}

/** A service, and whom it takes the caller for. */
interface Reached {
  readonly uri: string;
  /** DER */
  readonly root: Buffer;
  readonly connection: Connection;
}

function fileOf(flags: IdentityFlags, flag: 'cert' | 'key' | 'root', name: string): string {
  const path = flags[flag] ?? (flags.pki === undefined ? undefined : join(flags.pki, name));
  if (path === undefined) throw new UsageError(`give --pki, or --${flag}: who is calling, and whom may be believed?`);
  return path;
}

/**
 * Nothing is dialled before the first call. Whom to expect follows from the operator's own certificate: the service of that
 * name in its trust domain.
 * @throws UsageError when a file is missing or is not what it should be
 */
function reach(service: 'cpns-server' | 'smf', address: string, flags: IdentityFlags, now: number): Reached {
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
  const uri = serviceUri(peer.subject.name.trustDomain, service);
  return { uri, root, connection: openConnection(address, uri, tls, files.key) };
}

/** @throws UsageError when a file is missing or is not what it should be */
export function connectToServer(flags: ConnectionFlags, now: number): ServerConnection {
  const { uri, root, connection } = reach('cpns-server', flags.server, flags, now);
  return {
    uri,
    root,
    enrolment: connection.client(EnrolmentServiceService),
    entityUserKeys: connection.client(EntityUserKeyServiceService),
    groupKeys: connection.client(GroupKeyManagementServiceService),
    certificates: connection.client(CertificateServiceService),
    close: () => connection.close(),
  };
}

/** @throws UsageError when a file is missing or is not what it should be */
export function connectToSmf(flags: SmfFlags, now: number): SmfConnection {
  const { connection } = reach('smf', flags.smf, flags, now);
  return { serviceGroups: connection.client(ServiceGroupServiceService), close: () => connection.close() };
}

/** A Service Group comes with all its members, in bytes: as much as the SMF sends. */
const MESSAGE_BYTES = 8 * 1024 * 1024;

type Tls = Readonly<Record<'root' | 'cert' | 'key', Buffer>>;

function openConnection(address: string, expectedPeer: string, tls: Tls, keyFile: string) {
  try {
    return connectTo({ address, expectedPeer, tls, maxMessageBytes: MESSAGE_BYTES });
  } catch (cause) {
    // what OpenSSL says of a key may quote it
    throw new UsageError(`${keyFile} is not the private key of that certificate`, { cause });
  }
}

/** Opens a connection to the CPNS Server for one task and closes it afterwards. */
export const withServer = <T>(
  flags: ConnectionFlags,
  now: number,
  task: (server: ServerConnection) => Promise<T>,
): Promise<T> => closing(connectToServer(flags, now), task);

/** Opens a connection to the SMF for one task and closes it afterwards. */
export const withSmf = <T>(flags: SmfFlags, now: number, task: (smf: SmfConnection) => Promise<T>): Promise<T> =>
  closing(connectToSmf(flags, now), task);

async function closing<C extends { close(): void }, T>(connection: C, task: (connection: C) => Promise<T>): Promise<T> {
  try {
    return await task(connection);
  } finally {
    connection.close();
  }
}
