import { FakeClock } from '@cpns/core/testing';
import { DeliveryClient, type ClientState, type DeliveryClientOptions } from './delivery-client';
import type { Position } from '@cpns/store';
import type { ReceiverMessage } from './channel';
import { BEGINNING } from './sender';
import { channelPair, FakeTimers, plainReceiver, type ChannelPair, type WireEntry } from './testing';

const FIRST = { sequence: 1n, entryId: Buffer.alloc(16, 1) };

/** Nothing here waits for anything outside of the process: after some turns of the event loop all is done that can be. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('DeliveryClient', () => {
  let timers: FakeTimers;
  let clock: FakeClock;
  let stop: AbortController;
  let pairs: ChannelPair<ReceiverMessage, WireEntry>[];
  let states: ClientState[];
  let failures: [string, number][];
  let durable: Position;
  let running: Promise<void>;

  beforeEach(() => {
    [timers, clock, stop] = [new FakeTimers(), new FakeClock(), new AbortController()];
    [pairs, states, failures, durable] = [[], [], [], BEGINNING];
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  const start = (options: Partial<DeliveryClientOptions<WireEntry, ReceiverMessage>> = {}, jitter = 0xffff) => {
    const client = new DeliveryClient<WireEntry, ReceiverMessage>({
      codec: plainReceiver,
      open: () => {
        const pair = channelPair<ReceiverMessage, WireEntry>();
        pairs.push(pair);
        return pair.receiver;
      },
      position: () => Promise.resolve(durable),
      handle: (_, position) => Promise.resolve(void (durable = position)),
      onState: (state) => states.push(state),
      onFailure: (error, retryIn) => failures.push([String(error), retryIn]),
      backoff: { first: 100, longest: 1_000 },
      clock,
      timers,
      random: { bytes: () => Buffer.from([jitter >> 8, jitter & 0xff]) },
      ...options,
    });
    running = client.run(stop.signal);
    return client;
  };
  const firstMessage = async (pair: ChannelPair<ReceiverMessage, WireEntry>) =>
    (await pair.sender.requests[Symbol.asyncIterator]().next()).value as ReceiverMessage;

  it('connects, and says so', async () => {
    const client = start();
    expect(client.connected).toBe(false);
    await settle();
    expect(client.connected).toBe(true);
    expect(await firstMessage(pairs[0]!)).toMatchObject({ kind: 'opening', opening: { position: BEGINNING } });
  });

  it('resumes at what is committed by then', async () => {
    const client = start();
    await settle();
    await pairs[0]!.sender.write({ ...FIRST, text: 'x' });
    await settle();
    pairs[0]!.cut();
    await settle();
    expect(client.connected).toBe(false);
    expect(client.state).toBe('waiting');
    timers.advance(100);
    await settle();
    expect(await firstMessage(pairs[1]!)).toMatchObject({ kind: 'opening', opening: { position: FIRST } });
    expect(states).toEqual(['connecting', 'connected', 'waiting', 'connecting', 'connected']);
  });

  it('waits twice as long from failure to failure, up to its longest', async () => {
    start({ open: () => { throw new Error('refused'); } }); // prettier-ignore
    for (const wait of [100, 200, 400, 800, 1_000, 1_000]) {
      await settle();
      expect(timers.pending).toEqual([wait]);
      timers.advance(wait);
    }
    await settle();
    expect(failures.map(([error]) => error)).toEqual(Array(7).fill('Error: refused'));
    expect(states).not.toContain('connected');
  });

  it.each([
    [0, [50, 100, 200]],
    [0x8000, [75, 150, 300]],
  ])('takes a share of each wait by chance (%d)', async (jitter, waits) => {
    start({ position: () => Promise.reject(new Error('store away')) }, jitter);
    for (const wait of waits) {
      await settle();
      expect(timers.pending).toEqual([wait]);
      timers.advance(wait);
    }
  });

  it.each<[string, (pair: ChannelPair<ReceiverMessage, WireEntry>) => Promise<unknown>, number]>([
    ['an entry was handled', (pair) => pair.sender.write({ ...FIRST, text: 'x' }), 100],
    ['the channel lasted', () => Promise.resolve(clock.advance(1_000)), 100],
    ['neither', () => Promise.resolve(), 400],
  ])('begins its waits anew when %s', async (_, happens, wait) => {
    start();
    for (const before of [100, 200]) {
      await settle();
      pairs.at(-1)!.cut();
      await settle();
      expect(timers.pending).toEqual([before]);
      timers.advance(before);
    }
    await settle();
    await happens(pairs.at(-1)!);
    await settle();
    pairs.at(-1)!.cut();
    await settle();
    expect(timers.pending).toEqual([wait]);
  });

  it('comes back after the sender ended the channel in order, which is no failure', async () => {
    start();
    await settle();
    pairs[0]!.finish();
    await settle();
    expect(failures).toEqual([]);
    expect(timers.pending).toEqual([100]);
  });

  it('tries an entry again that its handler could not take', async () => {
    let failing = true;
    start({
      handle: (_, sequence) => {
        if (failing) return Promise.reject(new Error('disk full'));
        durable = sequence;
        return Promise.resolve();
      },
    });
    await settle();
    await pairs[0]!.sender.write({ ...FIRST, text: 'x' });
    await settle();
    expect(failures).toEqual([['Error: disk full', 100]]);
    failing = false;
    timers.advance(100);
    await settle();
    await pairs[1]!.sender.write({ ...FIRST, text: 'x' });
    await settle();
    expect(durable).toEqual(FIRST);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['while connected', () => Promise.resolve()],
    ['while waiting', () => Promise.resolve(pairs[0]!.cut()).then(settle)],
  ])('stops at its signal %s', async (_, before) => {
    const client = start();
    await settle();
    await before();
    stop.abort();
    await running;
    expect(client.state).toBe('stopped');
    expect(timers.pending).toEqual([]);
    expect(pairs).toHaveLength(1);
    expect(pairs[0]!.sender.signal.aborted).toBe(true);
  });

  it('stops only after the entry under way was handled', async () => {
    let finish: () => void = () => undefined;
    const client = start({ handle: () => new Promise<void>((resolve) => (finish = resolve)) });
    await settle();
    await pairs[0]!.sender.write({ ...FIRST, text: 'x' });
    await settle();
    stop.abort();
    await settle();
    expect(client.state).not.toBe('stopped');
    finish();
    await running;
    expect(client.state).toBe('stopped');
  });

  it('runs once', async () => {
    const client = start();
    await expect(client.run(stop.signal)).rejects.toThrow('cannot start');
  });
});
