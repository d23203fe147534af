import {
  GroupKeyDeliveryServiceService,
  KmcServiceService,
  PnGatewayServiceService,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { failureOfAsync, reasonOfAsync } from '@cpns/core/testing';
import { connectTo, type Connection } from '@cpns/grpc';
import { identifyByName, TestPki } from '@cpns/grpc/testing';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { emitStep, withinStep } from '@cpns/telemetry';
import { MemoryLog, MemoryTelemetry } from '@cpns/telemetry/testing';
import { createHash, X509Certificate, type BinaryLike } from 'node:crypto';
import { inspect } from 'node:util';
import { EndedPeers, type EndedPeer } from '.';
import { serve, testProcess, type ServedModule } from './testing';
import { handlers, SampleModule } from './testing/sample-controllers';

const SELF = 'cpns://td.example/service/kmc';
const SERVER = 'cpns://td.example/service/cpns-server';
const GATEWAY = 'cpns://pn1.td.example/pn-gw/gw1';
const PNE = 'cpns://pn1.td.example/pne/watch';

const pki = new TestPki();
const log = new MemoryLog();
const telemetry = new MemoryTelemetry();
const serverTls = pki.server(SELF);
const clientTls = Object.fromEntries([SERVER, GATEWAY, PNE].map((uri) => [uri, pki.client(uri)]));
let temporary: TemporaryStore;
let served: ServedModule;
let ended: EndedPeers;
const connections: Connection[] = [];

const as = (uri: string): Connection => {
  const connection = connectTo({
    address: served.addresses.certificate!,
    tls: clientTls[uri]!,
    expectedPeer: SELF,
    deadlineMs: 20_000,
  });
  connections.push(connection);
  return connection;
};
const kmc = () => as(SERVER).client(KmcServiceService);
const openWatch = () => as(PNE).client(PnGatewayServiceService).watchGroupKeys({});
const openChannel = () => as(GATEWAY).client(GroupKeyDeliveryServiceService).openDeliveryChannel();

const createGroup = () => kmc().createKey({ groupId: 'g', requestId: Buffer.alloc(16) });
const entry = (sequence: bigint): OpenDeliveryChannelResponse => ({
  sequence,
  traceparent: '',
  entry: undefined,
  entryId: Buffer.alloc(0),
});

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

beforeEach(async () => {
  telemetry.reset();
  handlers.create = () => Promise.resolve();
  temporary = await temporaryStore();
  const { logger } = log;
  const module = await testProcess({
    name: 'kmc',
    uri: SELF,
    store: temporary.store,
    logger,
    modules: [SampleModule],
  });
  ended = module.get(EndedPeers, { strict: false });
  served = await serve(module, {
    certificate: { clients: 'certificate', listen: '127.0.0.1:0', tls: serverTls, identify: identifyByName, logger },
  });
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  await served.close();
  await temporary.dispose();
});
afterAll(async () => {
  await telemetry.stop();
});

describe('through Nest', () => {
  test('a unary call reaches its handler with its message and who sent it, and is answered', async () => {
    const seen: unknown[] = [];
    handlers.create = async ({ groupId }, call) => {
      await Promise.resolve(seen.push([groupId, call.requirePeer().uri]));
    };
    expect(await createGroup()).toEqual({ version: { groupId: 'g', version: 1n, groupKey: Buffer.alloc(32, 1) } });
    expect(seen).toEqual([['g', SERVER]]);
  });

  test('an RPC that no controller answers is UNIMPLEMENTED', async () => {
    expect(await reasonOfAsync(() => kmc().destroyKeyVersion({ groupId: 'g', version: 1n }))).toBe('UNIMPLEMENTED');
  });

  const metadata = { field: 'group_id' };
  const cause = new Error('deep inside');
  const conflict = new CpnsError('CONFLICT', 'another was faster', { metadata, cause });
  test.each([
    ['an error', conflict, { reason: 'CONFLICT', code: 'ABORTED', message: conflict.message, metadata }],
    ['a fault', new TypeError('deep inside'), { reason: 'INTERNAL' }],
  ])('%s reaches the caller with its reason, and not with what is inside', async (_what, thrown, expected) => {
    handlers.create = () => Promise.reject(thrown);
    const error = await failureOfAsync(createGroup);
    expect(error).toMatchObject(expected);
    expect(inspect(error, { depth: Infinity })).not.toContain('deep inside');
  });

  test('a guard and an interceptor around a handler refuse for it', async () => {
    const rpc = kmc();
    const version = rpc.createKeyVersion({ groupId: 'g', previous: 1n, requestId: Buffer.alloc(16) });
    await expect(version).rejects.toMatchObject({ reason: 'PN_MISMATCH', message: 'the guard refuses' });
    const found = rpc.getKeyVersion({ groupId: 'g', version: 1n });
    await expect(found).rejects.toMatchObject({ reason: 'PN_MISMATCH', message: 'the interceptor refuses' });
  });

  test('a server stream gives its messages until its handler ends', async () => {
    handlers.watch = async (call) => {
      for (let count = 0; count < 3; count += 1) await call.write({ delivery: undefined, traceparent: '' });
    };
    expect(await collect(openWatch())).toHaveLength(3);
  });

  test('a two-way stream carries messages both ways until each side has ended', async () => {
    const heard: unknown[] = [];
    handlers.channel = async (call) => {
      await call.write(entry(1n));
      for await (const { message } of call.requests) {
        heard.push(message?.value);
        await call.write(entry(BigInt(heard.length) + 1n));
      }
    };
    const stream = openChannel();
    const entryId = Buffer.alloc(0);
    for (const sequence of [1n, 2n])
      await stream.write({ message: { $case: 'acknowledge', value: sequence }, entryId });
    stream.end();
    expect((await collect(stream)).map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
    expect(heard).toEqual([1n, 2n]);
  });

  test('a writer of a server stream waits for its reader', async () => {
    let written = 0;
    handlers.watch = async (call) => {
      for (; written < 500; written += 1) await call.write({ delivery: undefined, traceparent: 'x'.repeat(200_000) });
    };
    const stream = openWatch();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(200);
    expect(await collect(stream)).toHaveLength(500);
  }, 20_000);

  test('a caller that cancels ends the reads, the writes and the signal of the handler', async () => {
    const ended = new Promise<unknown>((resolve) => {
      handlers.channel = async (call) => {
        await call.write(entry(1n));
        const read = await reasonOfAsync(() => collect(call.requests));
        resolve([read, await reasonOfAsync(() => call.write(entry(2n))), (call.signal.reason as CpnsError).reason]);
      };
    });
    const stream = openChannel();
    for await (const { sequence } of stream) {
      expect(sequence).toBe(1n);
      stream.cancel();
      break;
    }
    expect(await ended).toEqual(['CALL_CANCELLED', 'CALL_CANCELLED', 'CALL_CANCELLED']);
  });

  test('a stop ends a stream for both sides, and resolves then', async () => {
    let ended: Promise<string> | undefined;
    const began = new Promise<void>((resolve) => {
      handlers.channel = async (call) => {
        resolve();
        ended = reasonOfAsync(() => collect(call.requests));
        await ended;
      };
    });
    const stream = reasonOfAsync(() => collect(openChannel()));
    await began;
    await served.close();
    expect([await stream, await ended]).toEqual(['SHUTTING_DOWN', 'SHUTTING_DOWN']);
  });

  describe('a peer that was ended', () => {
    const digest = (hash: BinaryLike) => createHash('sha256').update(hash).digest('hex');
    const certificate = new X509Certificate(clientTls[SERVER]!.cert!);
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
    test.each<[EndedPeer['by'], string, string]>([
      ['key', digest(key), 'CERTIFICATE_REVOKED'],
      ['certificate', digest(certificate.raw), 'CERTIFICATE_REVOKED'],
      ['uri', SERVER, 'CERTIFICATE_REVOKED'],
      ['uri', `${SERVER}2`, 'accepted'],
      ['key', digest(certificate.raw), 'accepted'],
    ])(
      'by its %s (%#) is refused on its connection and on a new one, and what it has under way ends',
      async (by, value, expected) => {
        const began: string[] = [];
        let release: () => void = () => undefined;
        const released = new Promise<void>((resolve) => (release = resolve));
        handlers.create = () => (began.push('call'), released);
        handlers.watch = async (call) => {
          began.push('watch');
          await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
        };
        const rpc = kmc();
        await rpc.destroyKey({ groupId: 'g' });
        const call = reasonOfAsync(() => rpc.createKey({ groupId: 'g', requestId: Buffer.alloc(16) }));
        const others = openWatch();
        const othersEnd = reasonOfAsync(() => collect(others));
        while (began.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
        ended.replace([{ by, value, endedAt: 0, until: Infinity }]);
        if (expected === 'accepted') release();
        expect(await call).toBe(expected);
        release();
        for (const next of [rpc, kmc()])
          expect(await reasonOfAsync(() => next.destroyKey({ groupId: 'g' }))).toBe(expected);
        others.cancel();
        expect(await othersEnd).toBe('CALL_CANCELLED');
      },
    );
  });

  describe('FlowStep', () => {
    const carried = ['group_id', 'request_id'];
    const inPull = () => withinStep({ flow: 'FLOW-PULL', step: 2 }, createGroup);

    test('reports a message once, before the steps of its handler', async () => {
      handlers.create = async () => {
        await Promise.resolve();
        for (const step of [4, 5] as const) emitStep({ flow: 'FLOW-PULL', step, from: SELF, to: SERVER, carried: [] });
      };
      await inPull();
      const steps = await telemetry.steps();
      expect(steps).toMatchObject([
        { flow: 'FLOW-PULL', step: 3, from: SERVER, to: SELF, carried },
        { step: 4, links: [steps[0]?.spanId] },
        { step: 5, links: [steps[1]?.spanId] },
      ]);
    });

    test('reports a message whose handler reports none', async () => {
      await inPull();
      expect(await telemetry.steps()).toMatchObject([{ flow: 'FLOW-PULL', step: 3 }]);
    });

    test('knows the flow of a message that belongs to one alone', async () => {
      await kmc().destroyKey({ groupId: 'g' });
      expect(await telemetry.steps()).toMatchObject([{ flow: 'GK-DELETE', step: 3, carried: ['group_id'] }]);
    });

    test('reports neither a refusal nor a message of another flow', async () => {
      await withinStep({ flow: 'GK-UPDATE-M', step: 2 }, createGroup);
      handlers.create = () => Promise.reject(new CpnsError('CONFLICT', 'no'));
      expect(await reasonOfAsync(inPull)).toBe('CONFLICT');
      expect(await telemetry.steps()).toEqual([]);
    });
  });
});
