import {
  GroupKeyDeliveryServiceService,
  PnGatewayServiceService,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import { CpnsError, failedPrecondition, unauthenticated } from '@cpns/core';
import { setImmediate as turn } from 'node:timers/promises';
import { implement, type DuplexContext, type ServerPort, type ServerStreamContext } from '..';
import { GATEWAY, KmcFixture, PNE } from '../testing/kmc-fixture';

const kmc = new KmcFixture();

type Channel = DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
let channel: (call: Channel) => Promise<void>;
let watch: (call: ServerStreamContext<WatchGroupKeysResponse>) => Promise<void>;

let port: ServerPort;

const entry = (sequence: bigint): OpenDeliveryChannelResponse => ({
  sequence,
  traceparent: '',
  entry: undefined,
  entryId: Buffer.alloc(0),
});
const acknowledge = (sequence: bigint): OpenDeliveryChannelRequest => ({
  message: { $case: 'acknowledge', value: sequence },
  entryId: Buffer.alloc(0),
});
const reasonOf = (error: unknown) => (error instanceof CpnsError ? error.reason : error);

beforeEach(async () => {
  port = await kmc.port({
    services: [
      implement({ open: GroupKeyDeliveryServiceService.openDeliveryChannel }, { open: (call) => channel(call) }),
      implement({ watch: PnGatewayServiceService.watchGroupKeys }, { watch: (_request, call) => watch(call) }),
    ],
  });
});
afterEach(() => kmc.reset());

const openChannel = () => kmc.connect(port, GATEWAY).client(GroupKeyDeliveryServiceService).openDeliveryChannel();
const openWatch = () => kmc.connect(port, PNE).client(PnGatewayServiceService).watchGroupKeys({});

async function collect<T>(stream: AsyncIterable<T>): Promise<{ messages: T[]; ended: unknown }> {
  const messages: T[] = [];
  try {
    for await (const message of stream) messages.push(message);
    return { messages, ended: 'ok' };
  } catch (error) {
    return { messages, ended: reasonOf(error) };
  }
}

describe('two-way streams', () => {
  test('both sides write and read, and each may end', async () => {
    const heard: unknown[] = [];
    channel = async (call) => {
      expect(call.requirePeer().uri).toBe(GATEWAY);
      await call.write(entry(1n));
      for await (const request of call.requests) {
        heard.push(request.message);
        await call.write(entry(BigInt(heard.length) + 1n));
      }
    };
    const stream = openChannel();
    await stream.write(acknowledge(1n));
    await stream.write(acknowledge(2n));
    stream.end();
    const { messages, ended } = await collect(stream);
    expect(messages.map((message) => message.sequence)).toEqual([1n, 2n, 3n]);
    expect(heard).toEqual([acknowledge(1n).message, acknowledge(2n).message]);
    expect(ended).toBe('ok');
  });

  test('what the handler wrote before it failed arrives before the failure', async () => {
    channel = async (call) => {
      await call.write(entry(1n));
      throw failedPrecondition('GATEWAY_NOT_PROVISIONED', 'provision first');
    };
    expect(await collect(openChannel())).toEqual({ messages: [entry(1n)], ended: 'GATEWAY_NOT_PROVISIONED' });
  });

  test('a message that does not decode ends it', async () => {
    channel = async (call) => {
      for await (const request of call.requests) expect(request).toBeDefined();
    };
    const raw = kmc.connect(port, GATEWAY).client({
      open: {
        ...GroupKeyDeliveryServiceService.openDeliveryChannel,
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
      },
    });
    const stream = raw.open();
    await stream.write(Buffer.from('ffff', 'hex'));
    expect((await collect(stream)).ended).toBe('MALFORMED_MESSAGE');
  });

  test('when the client cancels, the handler’s reads and writes end with CALL_CANCELLED', async () => {
    const outcome = new Promise<unknown>((resolve) => {
      channel = async (call) => {
        await call.write(entry(1n));
        resolve([(await collect(call.requests)).ended, await call.write(entry(2n)).catch(reasonOf)]);
      };
    });
    const stream = openChannel();
    for await (const message of stream) {
      expect(message.sequence).toBe(1n);
      stream.cancel();
      break;
    }
    expect(await outcome).toEqual(['CALL_CANCELLED', 'CALL_CANCELLED']);
    expect(await stream.write(acknowledge(1n)).catch(reasonOf)).toBe('CALL_CANCELLED');
  });

  test('a writer waits for its reader', async () => {
    const big: OpenDeliveryChannelResponse = {
      sequence: 1n,
      traceparent: '',
      entryId: Buffer.alloc(0),
      entry: {
        $case: 'groupKey',
        value: { statement: undefined, shared: Buffer.alloc(200_000), envelopes: [], part: 0, more: false },
      },
    };
    let written = 0;
    channel = async (call) => {
      for (; written < 500; written += 1) await call.write(big);
    };
    const stream = openChannel();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(200);
    const { messages, ended } = await collect(stream);
    expect(messages).toHaveLength(500);
    expect(ended).toBe('ok');
  }, 20_000);
});

describe('server streams', () => {
  test('messages, then the end', async () => {
    watch = async (call) => {
      for (let count = 0; count < 3; count += 1) await call.write({ delivery: undefined, traceparent: '' });
    };
    const { messages, ended } = await collect(openWatch());
    expect(messages).toHaveLength(3);
    expect(ended).toBe('ok');
  });

  test('a fault of ours is INTERNAL', async () => {
    watch = () => Promise.reject(new TypeError('bug'));
    expect((await collect(openWatch())).ended).toBe('INTERNAL');
  });

  test('a client that stops reading ends the call', async () => {
    const aborted = new Promise<unknown>((resolve) => {
      watch = async (call) => {
        call.signal.addEventListener('abort', () => resolve(reasonOf(call.signal.reason)));
        // with a turn for the event loop, so that a write that waits for nothing fails the test instead of hanging it
        for (; !call.signal.aborted; await turn()) await call.write({ delivery: undefined, traceparent: '' });
      };
    });
    for await (const message of openWatch()) {
      expect(message).toBeDefined();
      break;
    }
    expect(await aborted).toBe('CALL_CANCELLED');
  });
});

describe('streams that the server ends', () => {
  const wait = async (call: { signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) => {
      call.signal.addEventListener('abort', () => reject(call.signal.reason as Error));
    });

  test('a revocation ends the streams of that peer and leaves the others', async () => {
    const began: string[] = [];
    channel = (call) => (began.push('channel'), wait(call));
    watch = (call) => (began.push('watch'), wait(call));
    const ofGateway = collect(openChannel());
    const stream = openWatch();
    const ofPne = collect(stream);
    while (began.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const revoked = unauthenticated('CERTIFICATE_REVOKED', 'revoked');
    expect(port.endCalls((peer) => peer.uri === GATEWAY, revoked)).toBe(1);
    expect((await ofGateway).ended).toBe('CERTIFICATE_REVOKED');
    stream.cancel();
    expect((await ofPne).ended).toBe('CALL_CANCELLED');
  });

  test('a stop ends them all with SHUTTING_DOWN, and the handlers know why', async () => {
    const reasons: unknown[] = [];
    const began = new Promise<void>((resolve) => {
      channel = async (call) => {
        resolve();
        await wait(call).catch((error: unknown) => reasons.push(reasonOf(error)));
      };
    });
    const stream = collect(openChannel());
    await began;
    const started = Date.now();
    await port.stop(5_000);
    expect(Date.now() - started).toBeLessThan(4_000);
    expect((await stream).ended).toBe('SHUTTING_DOWN');
    expect(reasons).toEqual(['SHUTTING_DOWN']);
  });
});
