import { KmcServiceService, type GetKeyVersionRequest, type KeyVersion } from '@cpns/contracts';
import { failureOfAsync } from '@cpns/core/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  connectTo,
  createServerPort,
  implement,
  logLibraryTo,
  type CallContext,
  type CertificatePortOptions,
  type ClientTls,
  type Connection,
  type ConnectionOptions,
  type Handlers,
  type ServerPort,
} from '..';
import { identifyByName, TestPki } from './pki';

const TD = 'td.example';
export const KMC = `cpns://${TD}/service/kmc`;
export const SERVER = `cpns://${TD}/service/cpns-server`;
export const SMF = `cpns://${TD}/service/smf`;
export const OPERATOR = `cpns://${TD}/operator/ann`;
export const GATEWAY = `cpns://pn1.${TD}/pn-gw/gw1`;
export const PNE = `cpns://pn1.${TD}/pne/watch`;

/** `CODE/REASON` of a refusal, or `accepted`. */
export async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const failure = await failureOfAsync(() => promise);
  return failure ? `${failure.code}/${failure.reason}` : 'accepted';
}

export const keyVersion = (groupId: string): KeyVersion => ({ groupId, version: 1n, groupKey: Buffer.alloc(32, 7) });

const { createKey, getKeyVersion } = KmcServiceService;
/** What the fixture's ports serve. */
export const SERVED = { createKey, getKeyVersion };

/** A KMC that answers as a test says, and clients of it, over real sockets. */
export class KmcFixture {
  readonly pki = new TestPki();
  readonly log = new MemoryLog();

  constructor() {
    logLibraryTo(this.log.logger);
    afterAll(() => this.reset());
  }

  readonly tls = this.pki.server(KMC);
  /** What getKeyVersion does. */
  answer: (request: GetKeyVersionRequest, call: CallContext) => Promise<KeyVersion> = (request) =>
    Promise.resolve(keyVersion(request.groupId));
  /** How often getKeyVersion was reached. */
  served = 0;
  readonly #clientTls = new Map<string, ClientTls>();
  readonly #ports: ServerPort[] = [];
  readonly #connections: Connection[] = [];

  readonly handlers: Handlers<typeof KmcServiceService> = {
    createKey: async (request) => Promise.resolve({ version: keyVersion(request.groupId) }),
    createKeyVersion: async (request) => Promise.resolve({ version: keyVersion(request.groupId) }),
    getKeyVersion: async (request, call) => {
      this.served += 1;
      return { version: await this.answer(request, call) };
    },
    destroyKeyVersion: async () => Promise.resolve({}),
    destroyKey: async () => Promise.resolve({}),
  };

  /** Serves CreateKey and GetKeyVersion, with whatever a test changes. */
  async port(changes: Partial<CertificatePortOptions> = {}): Promise<ServerPort> {
    return this.started(
      createServerPort({
        listen: '127.0.0.1:0',
        tls: this.tls,
        clients: 'certificate',
        identify: identifyByName,
        services: [implement(SERVED, this.handlers)],
        logger: this.log.logger,
        ...changes,
      }),
    );
  }

  async started(port: ServerPort): Promise<ServerPort> {
    this.#ports.push(port);
    await port.start();
    return port;
  }

  clientTls(uri: string): ClientTls {
    const known = this.#clientTls.get(uri) ?? this.pki.client(uri);
    this.#clientTls.set(uri, known);
    return known;
  }

  connect(port: { readonly address: string }, tls: ClientTls | string, changes: Partial<ConnectionOptions> = {}) {
    const own = typeof tls === 'string' ? this.clientTls(tls) : tls;
    const connection = connectTo({ address: port.address, tls: own, expectedPeer: KMC, ...changes });
    this.#connections.push(connection);
    return connection;
  }

  /** GetKeyVersion of the port, called by `tls`. */
  caller(port: { readonly address: string }, tls: ClientTls | string, changes: Partial<ConnectionOptions> = {}) {
    return this.connect(port, tls, changes).client(KmcServiceService).getKeyVersion;
  }

  /** A call of plain grpc-js, so that what is on the wire is seen and not what our client makes of it. */
  rawCall(port: ServerPort, path: string, body: Buffer): Promise<ServiceError> {
    const { root, cert, key } = this.clientTls(SERVER);
    const tls = credentials.createSsl(Buffer.from(root), Buffer.from(key!), Buffer.from(cert!));
    const client = new Client(port.address, tls, { 'grpc.ssl_target_name_override': 'localhost' });
    const bytes = (value: Buffer) => value;
    return new Promise<ServiceError>((resolve, reject) => {
      client.makeUnaryRequest(path, bytes, bytes, body, new Metadata(), { deadline: Date.now() + 5_000 }, (error) => {
        client.close();
        if (error === null) reject(new Error('the call was accepted'));
        else resolve(error);
      });
    });
  }

  /** Where ports are of one test, after each of them. */
  async reset(): Promise<void> {
    this.served = 0;
    this.answer = (request) => Promise.resolve(keyVersion(request.groupId));
    for (const connection of this.#connections.splice(0)) connection.close();
    await Promise.all(this.#ports.splice(0).map((port) => port.stop(100)));
  }
}
