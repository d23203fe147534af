import {
  EntityUserKeyServiceService,
  KmcServiceService,
  PnGatewayServiceService,
  type GetKeyVersionRequest,
  type KeyVersion,
} from '@cpns/contracts';
import { CpnsError, unauthenticated } from '@cpns/core';
import { MemoryLog } from '@cpns/telemetry/testing';
import { Client, credentials, Metadata, status as Status, type ServiceError } from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import {
  connectTo,
  createServerPort,
  fromServiceError,
  implement,
  type CallContext,
  type ClientTls,
  type Connection,
  type Handlers,
  type ProofVerifier,
  type ServerPort,
} from '..';
import { identifyByName, TestPki } from '../testing';

const TD = 'td.example';
const KMC = `cpns://${TD}/service/kmc`;
const SERVER = `cpns://${TD}/service/cpns-server`;
const SMF = `cpns://${TD}/service/smf`;
const GATEWAY = `cpns://pn1.${TD}/pn-gw/gw1`;
const PNE = `cpns://pn1.${TD}/pne/watch`;

const pki = new TestPki();
const serverTls = pki.server(KMC);
const clientTls: Record<string, ClientTls> = {};
const tlsOf = (uri: string) => (clientTls[uri] ??= pki.client(uri));
const log = new MemoryLog();

const version = (groupId: string): KeyVersion => ({ groupId, version: 1n, groupKey: Buffer.alloc(32, 7) });

/** What the next call of getKeyVersion does; each test sets its own. */
let answer: (request: GetKeyVersionRequest, call: CallContext) => Promise<KeyVersion>;
let served = 0;

const kmc: Handlers<typeof KmcServiceService> = {
  createKey: async (request) => Promise.resolve({ version: version(request.groupId) }),
  createKeyVersion: async (request) => Promise.resolve({ version: version(request.groupId) }),
  getKeyVersion: async (request, call) => {
    served += 1;
    return { version: await answer(request, call) };
  },
  destroyKeyVersion: async () => Promise.resolve({}),
  destroyKey: async () => Promise.resolve({}),
};

const open: (ServerPort | Connection)[] = [];
const connect = (port: ServerPort, tlsOptions: ClientTls, options: Partial<Parameters<typeof connectTo>[0]> = {}) => {
  const connection = connectTo({ address: port.address, tls: tlsOptions, expectedPeer: KMC, ...options });
  open.push(connection);
  return connection;
};

async function kmcPort(options: { maxRequestBytes?: number; log?: MemoryLog } = {}): Promise<ServerPort> {
  const port = createServerPort({
    listen: '127.0.0.1:0',
    tls: serverTls,
    clients: 'certificate',
    identify: identifyByName,
    services: [implement(KmcServiceService, kmc, options).only('createKey', 'getKeyVersion')],
    logger: (options.log ?? log).logger,
  });
  open.push(port);
  await port.start();
  return port;
}

const reasonOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'accepted',
    (error: unknown) => (error instanceof CpnsError ? `${error.code}/${error.reason}` : error),
  );

/** A call of plain grpc-js, so that what is on the wire is seen and not what our client makes of it. */
function rawCall(port: ServerPort, path: string, body: Buffer, metadata = new Metadata()): Promise<ServiceError> {
  const { root, cert, key } = tlsOf(SERVER);
  const client = new Client(
    port.address,
    credentials.createSsl(Buffer.from(root), Buffer.from(key!), Buffer.from(cert!)),
    { 'grpc.ssl_target_name_override': 'localhost' },
  );
  const bytes = (value: Buffer) => value;
  return new Promise<ServiceError>((resolve, reject) => {
    client.makeUnaryRequest(path, bytes, bytes, body, metadata, { deadline: Date.now() + 5_000 }, (error) => {
      client.close();
      if (error === null) reject(new Error('the call was accepted'));
      else resolve(error);
    });
  });
}

beforeEach(() => {
  served = 0;
  answer = (request) => Promise.resolve(version(request.groupId));
});

afterEach(async () => {
  await Promise.all(
    open.splice(0).map((one) => ('close' in one ? Promise.resolve(one.close()) : one.stop(100))),
  );
});

afterAll(() => pki.remove());

describe('transport', () => {
  test('an unaltered call over TLS 1.3 with a certificate of the right role is answered', async () => {
    const port = await kmcPort();
    const reply = await connect(port, tlsOf(SERVER)).client(KmcServiceService).getKeyVersion({ groupId: 'g', version: 1n });
    expect(reply.version).toEqual(version('g'));
  });

  test('plaintext is refused', async () => {
    const port = await kmcPort();
    const session = http2.connect(`http://${port.address}`);
    const ended = new Promise<string>((resolve) => {
      session.on('error', () => resolve('refused'));
      session.on('close', () => resolve('refused'));
      session.on('remoteSettings', () => resolve('accepted'));
    });
    expect(await ended).toBe('refused');
    session.destroy();
  });

  test.each([
    ['TLSv1.3', 'TLSv1.3'],
    ['TLSv1.2', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
  ] as const)('a handshake of at most %s ends with %s', async (maxVersion, expected) => {
    const port = await kmcPort();
    const outcome = await new Promise<string | null>((resolve) => {
      const { root, ...own } = tlsOf(SERVER);
      const socket = tls.connect(
        { host: '127.0.0.1', port: port.port, ca: root, ...own, maxVersion, minVersion: 'TLSv1.2', ALPNProtocols: ['h2'] },
        () => resolve(socket.getProtocol()),
      );
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.on('secureConnect', () => socket.destroy());
    });
    expect(outcome).toBe(expected);
  });

  test('without a client certificate there is no call', async () => {
    const port = await kmcPort();
    const call = connect(port, { root: pki.root }).client(KmcServiceService).getKeyVersion({ groupId: 'g', version: 1n });
    expect(await reasonOf(call)).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(served).toBe(0);
  });

  test('a client certificate of another root makes no call', async () => {
    const port = await kmcPort();
    const other = new TestPki();
    const call = connect(port, { ...other.client(SERVER), root: pki.root }).client(KmcServiceService);
    expect(await reasonOf(call.getKeyVersion({ groupId: 'g', version: 1n }))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(served).toBe(0);
    other.remove();
  });

  test('the server is the one that was meant, by its exact URI', async () => {
    const port = await kmcPort();
    const call = connect(port, tlsOf(SERVER), { expectedPeer: SMF }).client(KmcServiceService);
    expect(await reasonOf(call.getKeyVersion({ groupId: 'g', version: 1n }))).toBe('UNAUTHENTICATED/PEER_UNEXPECTED');
    expect(served).toBe(0);
  });

  test('a renewed certificate is shown to new connections', async () => {
    const port = await kmcPort();
    port.renewCertificate(pki.server(SMF));
    const call = connect(port, tlsOf(SERVER), { expectedPeer: SMF }).client(KmcServiceService);
    expect(await reasonOf(call.getKeyVersion({ groupId: 'g', version: 1n }))).toBe('accepted');
  });
});

describe('roles', () => {
  test.each([
    ['the CPNS Server', SERVER, 'accepted'],
    ['another service', SMF, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
    ['a gateway', GATEWAY, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
    ['a target entity', PNE, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
    ['an operator', `cpns://${TD}/operator/ann`, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
  ])('%s', async (_who, uri, expected) => {
    const port = await kmcPort();
    const call = connect(port, tlsOf(uri)).client(KmcServiceService).getKeyVersion({ groupId: 'g', version: 1n });
    expect(await reasonOf(call)).toBe(expected);
    expect(served).toBe(expected === 'accepted' ? 1 : 0);
  });

  test('a peer is refused on each call once admitPeer says so, and its identity was read once', async () => {
    let revoked = false;
    let identified = 0;
    const port = createServerPort({
      listen: '127.0.0.1:0',
      tls: serverTls,
      clients: 'certificate',
      identify: (der) => {
        identified += 1;
        return identifyByName(der);
      },
      admitPeer: () => {
        if (revoked) throw unauthenticated('CERTIFICATE_REVOKED', 'your certificate was revoked');
      },
      services: [implement(KmcServiceService, kmc)],
      logger: log.logger,
    });
    open.push(port);
    await port.start();
    const { getKeyVersion } = connect(port, tlsOf(SERVER)).client(KmcServiceService);
    expect(await reasonOf(getKeyVersion({ groupId: 'g', version: 1n }))).toBe('accepted');
    revoked = true;
    expect(await reasonOf(getKeyVersion({ groupId: 'g', version: 1n }))).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
    expect({ served, identified }).toEqual({ served: 1, identified: 1 });
  });

  test('a certificate that expired while its connection lived is refused', async () => {
    let now = Date.now();
    const port = createServerPort({
      listen: '127.0.0.1:0',
      tls: serverTls,
      clients: 'certificate',
      identify: identifyByName,
      services: [implement(KmcServiceService, kmc)],
      logger: log.logger,
      clock: { now: () => now },
    });
    open.push(port);
    await port.start();
    const { getKeyVersion } = connect(port, tlsOf(SERVER)).client(KmcServiceService);
    expect(await reasonOf(getKeyVersion({ groupId: 'g', version: 1n }))).toBe('accepted');
    now += 3 * 86_400_000;
    expect(await reasonOf(getKeyVersion({ groupId: 'g', version: 1n }))).toBe('UNAUTHENTICATED/CERTIFICATE_EXPIRED');
  });
});

describe('messages', () => {
  const path = KmcServiceService.getKeyVersion.path;

  test.each([
    ['over the port’s limit', path, Buffer.alloc(300_000), Status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE'],
    ['undecodable', path, Buffer.from('ffff', 'hex'), Status.INVALID_ARGUMENT, 'MALFORMED_MESSAGE'],
    ['for an RPC that this port leaves out', KmcServiceService.destroyKey.path, Buffer.alloc(0), Status.UNIMPLEMENTED, 'UNIMPLEMENTED'],
    ['for a service that is elsewhere', EntityUserKeyServiceService.getEntityUserKey.path, Buffer.alloc(0), Status.UNIMPLEMENTED, 'UNIMPLEMENTED'],
  ])('%s', async (_what, method, body, code, reason) => {
    const error = await rawCall(await kmcPort(), method, body);
    expect(error.code).toBe(code);
    expect(error.metadata.get('grpc-status-details-bin')).toHaveLength(1);
    expect(fromServiceError(error).reason).toBe(reason);
    expect(served).toBe(0);
  });

  test('over a service’s own limit', async () => {
    const port = await kmcPort({ maxRequestBytes: 8 });
    const error = await rawCall(port, path, Buffer.alloc(9));
    expect(fromServiceError(error)).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', metadata: { limit_bytes: '8' } });
  });

  test('an unknown path is UNIMPLEMENTED', async () => {
    const error = await rawCall(await kmcPort(), '/nothing.v1.Here/AtAll', Buffer.alloc(0));
    expect(fromServiceError(error).reason).toBe('UNIMPLEMENTED');
  });

  test('a handler sees the bytes as they were sent', async () => {
    const seen: Buffer[] = [];
    answer = (request, call) => {
      seen.push(call.requestBytes);
      return Promise.resolve(version(request.groupId));
    };
    const port = await kmcPort();
    // field 3 is unknown to the receiver and still part of what was sent
    const body = Buffer.from('0a01671001' + '1805', 'hex');
    await expect(rawCall(port, path, body)).rejects.toThrow('accepted');
    expect(seen).toEqual([body]);
  });
});

describe('errors', () => {
  test('a CpnsError arrives with code, reason, message and metadata', async () => {
    answer = () =>
      Promise.reject(
        unauthenticated('PROOF_OUTSIDE_WINDOW', 'set your clock: 5 minutes fast — “late”', {
          metadata: { verifier_time_ms: '17', field: 'x'.repeat(1_000) },
          cause: new Error('internal detail'),
        }),
      );
    const port = await kmcPort();
    const call = connect(port, tlsOf(SERVER)).client(KmcServiceService).getKeyVersion({ groupId: 'g', version: 1n });
    const error = await call.catch((caught: unknown) => caught as CpnsError);
    expect(error).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'PROOF_OUTSIDE_WINDOW',
      message: 'set your clock: 5 minutes fast — “late”',
    });
    expect((error as CpnsError).metadata.verifier_time_ms).toBe('17');
    expect((error as CpnsError).metadata.field).toHaveLength(257);
  });

  test('anything else is INTERNAL with a fixed message; its cause is in the log only', async () => {
    const ownLog = new MemoryLog();
    answer = () => Promise.reject(new Error('redis://user:pass@host is down'));
    const error = await rawCall(await kmcPort({ log: ownLog }), KmcServiceService.getKeyVersion.path, Buffer.from('0a0167', 'hex'));
    expect(error.code).toBe(Status.INTERNAL);
    expect(JSON.stringify([error.details, error.metadata])).not.toContain('redis');
    expect(fromServiceError(error)).toMatchObject({ reason: 'INTERNAL', message: 'the service failed; its log has the cause' });
    expect(ownLog.entries().find((entry) => entry.level === 'error')).toMatchObject({
      message: 'call failed',
      caller: SERVER,
      error: { reason: 'INTERNAL', cause: { message: 'redis://user:pass@host is down' } },
    });
  });

  test('a response that cannot be encoded is INTERNAL', async () => {
    answer = () => Promise.resolve({ groupId: 7 } as unknown as KeyVersion);
    const call = connect(await kmcPort(), tlsOf(SERVER)).client(KmcServiceService).getKeyVersion({ groupId: 'g', version: 1n });
    expect(await reasonOf(call)).toBe('INTERNAL/INTERNAL');
  });
});

describe('a dependency that does not answer is UNAVAILABLE', () => {
  const request = { groupId: 'g', version: 1n };

  test('nothing listens', async () => {
    const port = await kmcPort();
    await port.stop(0);
    const { getKeyVersion } = connect(port, tlsOf(SERVER)).client(KmcServiceService);
    const started = Date.now();
    expect(await reasonOf(getKeyVersion(request, { deadlineMs: 2_000 }))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(Date.now() - started).toBeLessThan(1_000);
  });

  test('it accepts and says nothing', async () => {
    const sockets: net.Socket[] = [];
    const silent = net.createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const address = `127.0.0.1:${(silent.address() as net.AddressInfo).port}`;
    const connection = connectTo({ address, tls: tlsOf(SERVER), expectedPeer: KMC });
    open.push(connection);
    const call = connection.client(KmcServiceService).getKeyVersion(request, { deadlineMs: 300 });
    expect(await reasonOf(call)).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test('it takes longer than the deadline; the handler learns of it', async () => {
    const aborted: unknown[] = [];
    answer = (_request, call) =>
      new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => {
          aborted.push(call.signal.reason);
          reject(call.signal.reason as Error);
        });
      });
    const { getKeyVersion } = connect(await kmcPort(), tlsOf(SERVER)).client(KmcServiceService);
    expect(await reasonOf(getKeyVersion(request, { deadlineMs: 200 }))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(aborted).toHaveLength(1);
    expect(['DEADLINE', 'CALL_CANCELLED']).toContain((aborted[0] as CpnsError).reason);
  });

  test('the caller cancels: CALL_CANCELLED on both sides', async () => {
    const aborted: unknown[] = [];
    const abort = new AbortController();
    answer = (_request, call) =>
      new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => {
          aborted.push((call.signal.reason as CpnsError).reason);
          reject(call.signal.reason as Error);
        });
        abort.abort();
      });
    const { getKeyVersion } = connect(await kmcPort(), tlsOf(SERVER)).client(KmcServiceService);
    expect(await reasonOf(getKeyVersion(request, { signal: abort.signal }))).toBe('CANCELLED/CALL_CANCELLED');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(aborted).toEqual(['CALL_CANCELLED']);
  });

  test('a call made within another one ends before its deadline', async () => {
    answer = () => new Promise(() => undefined);
    const inner = connect(await kmcPort(), tlsOf(SERVER)).client(KmcServiceService);
    const within = { deadline: Date.now() + 400, signal: new AbortController().signal } as CallContext;
    const started = Date.now();
    expect(await reasonOf(inner.getKeyVersion(request, { within }))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(Date.now() - started).toBeLessThan(400);
  });

  test('the server comes back on the same port and is found within 5 s', async () => {
    const first = await kmcPort();
    const { getKeyVersion } = connect(first, tlsOf(SERVER)).client(KmcServiceService);
    expect(await reasonOf(getKeyVersion(request))).toBe('accepted');
    await first.stop(0);
    expect(await reasonOf(getKeyVersion(request, { deadlineMs: 500 }))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const second = createServerPort({
      listen: first.address,
      tls: serverTls,
      clients: 'certificate',
      identify: identifyByName,
      services: [implement(KmcServiceService, kmc)],
      logger: log.logger,
    });
    open.push(second);
    await second.start();
    const back = Date.now();
    let outcome: unknown;
    do {
      outcome = await reasonOf(getKeyVersion(request, { deadlineMs: 500 }));
    } while (outcome !== 'accepted' && Date.now() - back < 5_000);
    expect(outcome).toBe('accepted');
  }, 15_000);
});

describe('graceful stop', () => {
  test('a call under way finishes, a new one is refused', async () => {
    let release: () => void = () => undefined;
    const entered = new Promise<void>((resolve) => {
      answer = async (request) => {
        const released = new Promise<void>((resolveRelease) => (release = resolveRelease));
        resolve();
        await released;
        return version(request.groupId);
      };
    });
    const port = await kmcPort();
    const { getKeyVersion } = connect(port, tlsOf(SERVER)).client(KmcServiceService);
    const underWay = getKeyVersion({ groupId: 'slow', version: 1n });
    await entered;
    const stopped = port.stop(5_000);
    expect(await reasonOf(getKeyVersion({ groupId: 'new', version: 1n }, { deadlineMs: 500 }))).toMatch(/^UNAVAILABLE/);
    release();
    expect((await underWay).version?.groupId).toBe('slow');
    await stopped;
    expect(served).toBe(1);
  });

  test('a call that outlasts the grace is cut off', async () => {
    const entered = new Promise<void>((resolve) => {
      answer = () => {
        resolve();
        return new Promise(() => undefined);
      };
    });
    const port = await kmcPort();
    const call = connect(port, tlsOf(SERVER)).client(KmcServiceService).getKeyVersion({ groupId: 'g', version: 1n });
    await entered;
    const started = Date.now();
    const outcome = reasonOf(call);
    await port.stop(200);
    expect(Date.now() - started).toBeLessThan(1_000);
    expect(await outcome).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
  });
});

describe('a port for tokens and proofs', () => {
  const seen: { proof: Buffer; method: string; digest: Buffer }[] = [];
  const verifyProof: ProofVerifier = (proof, method, digest) => {
    seen.push({ proof, method, digest });
    if (proof.toString() !== 'good') return Promise.reject(unauthenticated('PROOF_MAC', 'the proof is wrong'));
    return Promise.resolve({ entity: PNE, user: 'ann', keyId: Buffer.alloc(16, 3) });
  };
  const callers: unknown[] = [];
  const gateway: Handlers<typeof PnGatewayServiceService> = {
    assignEntityUserKey: async () => Promise.resolve({ reply: undefined }),
    registerEntityUserKey: async () => Promise.resolve({ reply: undefined }),
    renewEntityUserKey: async () => Promise.resolve({ reply: undefined }),
    reportCapabilities: async (_request, call) => {
      callers.push(call.requireEntity());
      return Promise.resolve({ recordedAt: 5n });
    },
    joinServiceGroup: async () => Promise.resolve({ membershipRevision: 1n }),
    leaveServiceGroup: async () => Promise.resolve({ membershipRevision: 1n }),
    pullGroupKey: async () => Promise.resolve({ delivery: undefined }),
    watchGroupKeys: async () => Promise.resolve(),
  };

  async function tokenPort(): Promise<ServerPort> {
    const port = createServerPort({
      listen: '127.0.0.1:0',
      tls: serverTls,
      clients: 'none',
      verifyProof,
      services: [implement(PnGatewayServiceService, gateway)],
      logger: log.logger,
    });
    open.push(port);
    await port.start();
    return port;
  }

  test('a self-authenticating request comes through without a certificate', async () => {
    const { assignEntityUserKey } = connect(await tokenPort(), { root: pki.root }).client(PnGatewayServiceService);
    expect(await assignEntityUserKey({ request: undefined })).toEqual({ reply: undefined });
  });

  test('without a proof: PROOF_MISSING', async () => {
    const { reportCapabilities } = connect(await tokenPort(), { root: pki.root }).client(PnGatewayServiceService);
    expect(await reasonOf(reportCapabilities({ capabilities: undefined }))).toBe('UNAUTHENTICATED/PROOF_MISSING');
  });

  test('the verifier gets proof, path and the digest of the bytes as sent; the handler gets the entity', async () => {
    const { reportCapabilities } = connect(await tokenPort(), { root: pki.root }).client(PnGatewayServiceService);
    const request = { capabilities: { linkSecurity: 2, keyStorage: 1, softwareVersion: 'v1' } };
    const digests: Buffer[] = [];
    await reportCapabilities(request, { proof: (_method, digest) => (digests.push(digest), Buffer.from('good')) });
    const bytes = PnGatewayServiceService.reportCapabilities.requestSerialize(request);
    const digest = createHash('sha256').update(bytes).digest();
    expect(digests).toEqual([digest]);
    expect(seen.at(-1)).toEqual({ proof: Buffer.from('good'), method: PnGatewayServiceService.reportCapabilities.path, digest });
    expect(callers).toEqual([{ entity: PNE, user: 'ann', by: { kind: 'proof', keyId: Buffer.alloc(16, 3) } }]);
  });

  test.each([
    ['a wrong proof', Buffer.from('bad'), 'UNAUTHENTICATED/PROOF_MAC'],
    ['an over-long proof', Buffer.alloc(1_025), 'INVALID_ARGUMENT/MALFORMED_MESSAGE'],
  ])('%s', async (_what, proof, expected) => {
    const { reportCapabilities } = connect(await tokenPort(), { root: pki.root }).client(PnGatewayServiceService);
    expect(await reasonOf(reportCapabilities({ capabilities: undefined }, { proof: () => proof }))).toBe(expected);
  });

  test('reflection is not served here', async () => {
    const port = await tokenPort();
    const error = await rawCall(port, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', Buffer.alloc(0));
    expect(error.code).toBe(Status.UNIMPLEMENTED);
  });

  test.each([
    ['an RPC for certificates only', () => implement(KmcServiceService, kmc), 'nobody may call'],
    ['an RPC for proofs without a verifier', () => implement(PnGatewayServiceService, gateway), 'needs a proof verifier'],
  ])('%s cannot be bound to it', (_what, binding, problem) => {
    const make = () =>
      createServerPort({ listen: '127.0.0.1:0', tls: serverTls, clients: 'none', services: [binding()], logger: log.logger });
    expect(make).toThrow(problem);
  });

  test('the same RPCs on a port with certificates take the entity from the certificate', async () => {
    const port = createServerPort({
      listen: '127.0.0.1:0',
      tls: serverTls,
      clients: 'certificate',
      identify: identifyByName,
      services: [implement(PnGatewayServiceService, gateway)],
      logger: log.logger,
    });
    open.push(port);
    await port.start();
    callers.length = 0;
    await connect(port, tlsOf(PNE)).client(PnGatewayServiceService).reportCapabilities({ capabilities: undefined });
    expect(callers).toMatchObject([{ entity: PNE, user: '', by: { kind: 'certificate' } }]);
  });
});
