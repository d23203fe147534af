import { CpnsError } from '@cpns/core';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import type { ReceiverMessage } from './channel';
import { DeliveryLog } from './delivery-log';
import {
  acknowledging,
  channelPair,
  eventually,
  FakeTimers,
  openingAt,
  plainSender,
  sendersOf,
  type ChannelPair,
  type SendersOf,
  type WireEntry,
} from './testing';

// a busy machine is slow, and none of this is about speed
jest.setTimeout(30_000);

const settle = () => new Promise((resolve) => setTimeout(resolve, 40));
const reasonOf = (error: unknown) => (error instanceof CpnsError ? error.reason : String(error));
const endOf = (served: Promise<void>) => served.then(() => 'ended', reasonOf);

const GATEWAY = { uri: 'gw1', fingerprint: Buffer.alloc(32, 1) };

describe('a channel’s sender', () => {
  let temporary: TemporaryStore;
  let log: DeliveryLog;
  let timers: FakeTimers;
  const pairs: ChannelPair<ReceiverMessage, WireEntry>[] = [];

  beforeEach(async () => {
    temporary = await temporaryStore();
    log = new DeliveryLog(temporary.store, { kind: 'gateway', id: 'gw1' }, 'delivery');
    timers = new FakeTimers();
  });
  afterEach(async () => {
    pairs.splice(0).forEach(({ cut }) => cut());
    await settle();
    await temporary.dispose();
  });

  const senderOf = (window = 64) => sendersOf(temporary.store, log, { window, timers });
  const at = async (sequence: bigint) => ({ sequence, entryId: (await log.read(sequence, 1)).afterId });
  const append = async (from: number, to: number) => {
    for (let n = from; n <= to; n++) await log.append(`id-${n}`, Buffer.from(`entry ${n}`));
  };
  /** Serves a channel, and collects what arrives at its other end. */
  const connect = (sender: SendersOf, capacity = 1_000) => {
    const pair = channelPair<ReceiverMessage, WireEntry>(capacity);
    pairs.push(pair);
    const arrived: bigint[] = [];
    const outcome = endOf(sender.serve(GATEWAY, pair.sender));
    void outcome.then(() => pair.finish());
    const read = async () => {
      for await (const { sequence } of pair.receiver) if (sequence > 0n) arrived.push(sequence);
    };
    return { ...pair, arrived, outcome, read: () => void read().catch(() => undefined) };
  };
  /** {@link connect}, with a receiver that reads and has said what it has. */
  const opened = async (sender: SendersOf | Promise<SendersOf> = senderOf(), lastSequence = 0n) => {
    const channel = connect(await sender);
    channel.read();
    await channel.receiver.write(await opening(lastSequence));
    return channel;
  };
  const opening = async (lastSequence: bigint): Promise<ReceiverMessage> =>
    openingAt(lastSequence, (await at(lastSequence)).entryId);
  const acknowledge = async (sequence: bigint) => acknowledging(await at(sequence));
  const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, index) => BigInt(from + index));

  it('sends nothing before the opening, and everything after it in order', async () => {
    await append(1, 5);
    const channel = connect(await senderOf());
    channel.read();
    await settle();
    expect(channel.arrived).toEqual([]);
    await channel.receiver.write(await opening(0n));
    await eventually(() => expect(channel.arrived).toEqual(upTo(5)));
  });

  it('goes on after what the receiver has, and forgets that', async () => {
    await append(1, 5);
    const channel = await opened(senderOf(), 3n);
    await eventually(() => expect(channel.arrived).toEqual([4n, 5n]));
    expect(await log.read(0n, 10)).toMatchObject({ trimmedTo: 3n, last: 5n });
  });

  it('sends an entry in as many messages as its codec makes of it, and one that has none as superseded', async () => {
    await append(1, 3);
    const codec: typeof plainSender = {
      ...plainSender,
      async *send(receiver, stored) {
        for (let n = 1n; n < stored.sequence; n++) yield (await plainSender.send(receiver, stored)) as WireEntry;
      },
    };
    const { receiver, outcome } = connect(await sendersOf(temporary.store, log, { timers, codec }));
    await receiver.write(await opening(0n));
    const heard: string[] = [];
    for await (const { sequence, text } of receiver) {
      if (sequence > 0n) heard.push(`${sequence} ${text}`);
      if (heard.length === 4) break;
    }
    expect(heard).toEqual(['1 superseded', '2 entry 2', '3 entry 3', '3 entry 3']);
    await receiver.write(await acknowledge(3n));
    await eventually(async () => expect((await log.read(0n, 1)).trimmedTo).toBe(3n));
    receiver.end();
    expect(await outcome).toBe('ended');
  });

  it('sends an entry soon after it was appended, without a poll', async () => {
    const channel = await opened();
    await settle();
    await append(1, 1);
    await eventually(() => expect(channel.arrived).toEqual([1n]));
  });

  it('finds with its poll what no wake-up told of', async () => {
    const silent = new DeliveryLog(temporary.store, log.aggregate, log.log);
    silent.watch = () => Promise.resolve();
    const pair = channelPair<ReceiverMessage, WireEntry>();
    pairs.push(pair);
    const senders = await sendersOf(temporary.store, silent, { timers, pollEvery: 700 });
    const served = senders.serve(GATEWAY, pair.sender);
    await pair.receiver.write(await opening(0n));
    await eventually(() => expect(timers.pending).toContain(700));
    await append(1, 1);
    const reader = pair.receiver[Symbol.asyncIterator]();
    await reader.next();
    const first = reader.next();
    timers.advance(699);
    await settle();
    timers.advance(1);
    expect((await first).value).toMatchObject({ sequence: 1n });
    pair.receiver.end();
    await served;
  });

  it.each([1, 3])('keeps no more than %i entries under way without an acknowledgement', async (window) => {
    await append(1, 8);
    const channel = await opened(senderOf(window));
    for (let acknowledged = 0; acknowledged < 8; acknowledged++) {
      await eventually(() => expect(channel.arrived).toEqual(upTo(Math.min(8, acknowledged + window))));
      // no more comes, however long one waits
      await settle();
      expect(channel.arrived).toHaveLength(Math.min(8, acknowledged + window));
      await channel.receiver.write(await acknowledge(BigInt(acknowledged + 1)));
    }
    await eventually(async () => expect(await log.read(0n, 10)).toMatchObject({ entries: [], trimmedTo: 8n }));
  });

  it('waits for a receiver that does not read, and reads no further ahead', async () => {
    await append(1, 30);
    let made = 0;
    const counting = {
      ...plainSender,
      send: (...entry: Parameters<typeof plainSender.send>) => (made++, plainSender.send(...entry)),
    };
    const channel = connect(await sendersOf(temporary.store, log, { codec: counting, timers }), 2);
    await channel.receiver.write(await opening(0n));
    await eventually(() => expect(made).toBeGreaterThan(1));
    await settle();
    expect(made).toBeLessThan(4);
    channel.read();
    await eventually(() => expect(channel.arrived).toEqual(upTo(30)));
  });

  it('keeps what was not acknowledged for the next channel', async () => {
    await append(1, 4);
    const sender = await senderOf();
    const first = await opened(sender);
    await first.receiver.write(await acknowledge(0n));
    await eventually(() => expect(first.arrived).toEqual(upTo(4)));
    await first.receiver.write(await acknowledge(2n));
    first.cut();
    expect(await first.outcome).toMatch('the connection broke');
    const second = await opened(sender, 2n);
    await eventually(() => expect(second.arrived).toEqual([3n, 4n]));
  });

  it('is at ease with acknowledgements that repeat or come together', async () => {
    await append(1, 4);
    const channel = await opened();
    await eventually(() => expect(channel.arrived).toEqual(upTo(4)));
    const said = await Promise.all([1n, 1n, 3n, 2n, 0n, 3n].map(acknowledge));
    for (const message of said) await channel.receiver.write(message);
    await eventually(async () => expect((await log.read(0n, 10)).trimmedTo).toBe(3n));
    channel.receiver.end();
    expect(await channel.outcome).toBe('ended');
  });

  it.each<[string, bigint[], string]>([
    ['two openings', [2n, 2n], 'MALFORMED_MESSAGE'],
    ['an opening beyond the log', [6n], 'FIELD_OUT_OF_RANGE'],
    ['an opening before what was acknowledged', [1n], 'FIELD_OUT_OF_RANGE'],
    ['an end without an opening', [], 'FIELD_MISSING'],
  ])('refuses %s', async (_, openings, reason) => {
    await append(1, 5);
    await log.trim(2n);
    const channel = connect(await senderOf());
    channel.read();
    for (const sequence of openings) await channel.receiver.write(await opening(sequence));
    if (openings.length === 0) channel.receiver.end();
    expect(await channel.outcome).toBe(reason);
    expect((await log.read(0n, 10)).trimmedTo).toBe(2n);
  });

  it.each<[string, (of: WireEntry) => WireEntry]>([
    ['what was not sent', (of) => ({ ...of, sequence: 9n })],
    ['another entry', (of) => ({ ...of, entryId: Buffer.alloc(16) })],
  ])('refuses an acknowledgement of %s', async (_, change) => {
    await append(1, 3);
    const channel = await opened();
    await eventually(() => expect(channel.arrived).toEqual(upTo(3)));
    const entry = { ...(await at(3n)), text: '' };
    await channel.receiver.write(acknowledging(change(entry)));
    expect(await channel.outcome).toBe('FIELD_OUT_OF_RANGE');
    expect((await log.read(0n, 10)).trimmedTo).toBe(0n);
  });

  it('refuses an acknowledgement of an entry that is in the log but beyond the window', async () => {
    await append(1, 5);
    const channel = await opened(senderOf(2));
    await eventually(() => expect(channel.arrived).toEqual(upTo(2)));
    await channel.receiver.write(await acknowledge(3n));
    expect(await channel.outcome).toBe('FIELD_OUT_OF_RANGE');
    expect((await log.read(0n, 10)).trimmedTo).toBe(0n);
  });

  it('ends the older channel of a process for a newer one, and all when it stops', async () => {
    await append(1, 2);
    const sender = await senderOf();
    const old = connect(sender);
    await old.receiver.write(await opening(0n));
    await eventually(() => expect(timers.pending).not.toEqual([]));
    const fresh = connect(sender);
    fresh.read();
    await fresh.receiver.write(await opening(0n));
    expect(await old.outcome).toBe('SUPERSEDED');
    await eventually(() => expect(fresh.arrived).toEqual([1n, 2n]));
    expect(sender.size).toBe(1);
    sender.stop();
    expect(await fresh.outcome).toBe('SHUTTING_DOWN');
    expect(await connect(sender).outcome).toBe('SHUTTING_DOWN');
    expect(sender.size).toBe(0);
  });

  it('ends a channel whose receiver does not read', async () => {
    await append(1, 10);
    const sender = await senderOf();
    const channel = connect(sender, 1);
    await channel.receiver.write(await opening(0n));
    await settle();
    sender.stop();
    expect(await channel.outcome).toBe('SHUTTING_DOWN');
  });

  it('does not serve a call that has ended already', async () => {
    const pair = channelPair<ReceiverMessage, WireEntry>();
    pair.cut();
    await expect((await senderOf()).serve(GATEWAY, pair.sender)).rejects.toThrow('the connection broke');
  });

  it('ends with the failure of its store', async () => {
    const channel = connect(await senderOf());
    await channel.receiver.write(await opening(0n));
    await eventually(() => expect(timers.pending).toHaveLength(2));
    await temporary.store.close();
    timers.advance(5_000);
    expect(await channel.outcome).toBe('DEPENDENCY_UNAVAILABLE');
  });

  it('ends with the failure to make a message of an entry', async () => {
    await append(1, 1);
    const send = () => Promise.reject(new CpnsError('STORED_RECORD_INVALID', 'does not open'));
    const failing = await sendersOf(temporary.store, log, { codec: { ...plainSender, send }, timers });
    const channel = connect(failing);
    await channel.receiver.write(await opening(0n));
    expect(await channel.outcome).toBe('STORED_RECORD_INVALID');
  });

  it.each([0, -1, 1.5, 1_001])('has no window of %d', async (window) => {
    await expect(senderOf(window)).rejects.toThrow(RangeError);
  });
});
