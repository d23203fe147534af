import { CpnsError } from '@cpns/core';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import type { ReceiverMessage } from './channel';
import { DeliveryLog } from './delivery-log';
import { DeliverySender } from './sender';
import { channelPair, eventually, FakeTimers, plainSender, type ChannelPair, type WireEntry } from './testing';

// a busy machine is slow, and none of this is about speed
jest.setTimeout(30_000);

const settle = () => new Promise((resolve) => setTimeout(resolve, 40));
const reasonOf = (error: unknown) => (error instanceof CpnsError ? error.reason : String(error));
const endOf = (served: Promise<void>) => served.then(() => 'ended', reasonOf);

describe('DeliverySender', () => {
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

  const senderOf = (window = 64) => new DeliverySender(plainSender, { window, timers });
  const append = async (from: number, to: number) => {
    for (let n = from; n <= to; n++) await log.append(`id-${n}`, Buffer.from(`entry ${n}`));
  };
  /** Serves a channel, and collects what arrives at its other end. */
  const connect = (sender: DeliverySender<ReceiverMessage, WireEntry>, capacity = 1_000) => {
    const pair = channelPair<ReceiverMessage, WireEntry>(capacity);
    pairs.push(pair);
    const arrived: bigint[] = [];
    const outcome = endOf(sender.serve(log, pair.sender));
    void outcome.then(() => pair.finish());
    const read = async () => {
      for await (const { sequence } of pair.receiver) arrived.push(sequence);
    };
    return { ...pair, arrived, outcome, read: () => void read().catch(() => undefined) };
  };
  /** {@link connect}, with a receiver that reads and has said what it has. */
  const opened = async (sender = senderOf(), lastSequence = 0n) => {
    const channel = connect(sender);
    channel.read();
    await channel.receiver.write(opening(lastSequence));
    return channel;
  };
  const opening = (lastSequence: bigint): ReceiverMessage => ({ kind: 'opening', lastSequence });
  const acknowledge = (sequence: bigint): ReceiverMessage => ({ kind: 'acknowledge', sequence });
  const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, index) => BigInt(from + index));

  it('sends nothing before the opening, and everything after it in order', async () => {
    await append(1, 5);
    const channel = connect(senderOf());
    channel.read();
    await settle();
    expect(channel.arrived).toEqual([]);
    await channel.receiver.write(opening(0n));
    await eventually(() => expect(channel.arrived).toEqual(upTo(5)));
  });

  it('goes on after what the receiver has, and forgets that', async () => {
    await append(1, 5);
    const channel = await opened(senderOf(), 3n);
    await eventually(() => expect(channel.arrived).toEqual([4n, 5n]));
    expect(await log.read(0n, 10)).toMatchObject({ trimmedTo: 3n, last: 5n });
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
    const served = new DeliverySender(plainSender, { timers, pollEvery: 700 }).serve(silent, pair.sender);
    await pair.receiver.write(opening(0n));
    await eventually(() => expect(timers.pending).toEqual([700]));
    await append(1, 1);
    const reader = pair.receiver[Symbol.asyncIterator]();
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
      await channel.receiver.write(acknowledge(BigInt(acknowledged + 1)));
    }
    await eventually(async () => expect(await log.read(0n, 10)).toMatchObject({ entries: [], trimmedTo: 8n }));
  });

  it('waits for a receiver that does not read, and reads no further ahead', async () => {
    await append(1, 30);
    let made = 0;
    const counting = {
      ...plainSender,
      send: (entry: Parameters<typeof plainSender.send>[0]) => (made++, plainSender.send(entry)),
    };
    const channel = connect(new DeliverySender(counting, { timers }), 2);
    await channel.receiver.write(opening(0n));
    await eventually(() => expect(made).toBe(3));
    await settle();
    expect(made).toBe(3);
    channel.read();
    await eventually(() => expect(channel.arrived).toEqual(upTo(30)));
  });

  it('keeps what was not acknowledged for the next channel', async () => {
    await append(1, 4);
    const sender = senderOf();
    const first = await opened(sender);
    await first.receiver.write(acknowledge(0n));
    await eventually(() => expect(first.arrived).toEqual(upTo(4)));
    await first.receiver.write(acknowledge(2n));
    first.cut();
    expect(await first.outcome).toMatch('the connection broke');
    const second = await opened(sender, 2n);
    await eventually(() => expect(second.arrived).toEqual([3n, 4n]));
  });

  it('is at ease with acknowledgements that repeat or come together', async () => {
    await append(1, 4);
    const channel = await opened();
    await eventually(() => expect(channel.arrived).toEqual(upTo(4)));
    for (const sequence of [1n, 1n, 3n, 2n, 0n, 3n]) await channel.receiver.write(acknowledge(sequence));
    await eventually(async () => expect((await log.read(0n, 10)).trimmedTo).toBe(3n));
    channel.receiver.end();
    expect(await channel.outcome).toBe('ended');
  });

  it.each<[string, ReceiverMessage[], string]>([
    ['an acknowledgement first', [acknowledge(0n)], 'MALFORMED_MESSAGE'],
    ['two openings', [opening(2n), opening(2n)], 'MALFORMED_MESSAGE'],
    ['an acknowledgement of what was not sent', [opening(2n), acknowledge(9n)], 'FIELD_OUT_OF_RANGE'],
    ['an opening beyond the log', [opening(6n)], 'FIELD_OUT_OF_RANGE'],
    ['an opening before what was acknowledged', [opening(1n)], 'FIELD_OUT_OF_RANGE'],
    ['an end without an opening', [], 'FIELD_MISSING'],
  ])('refuses %s', async (_, messages, reason) => {
    await append(1, 5);
    await log.trim(2n);
    const channel = connect(senderOf());
    channel.read();
    for (const message of messages) await channel.receiver.write(message);
    if (messages.length === 0) channel.receiver.end();
    expect(await channel.outcome).toBe(reason);
    expect((await log.read(0n, 10)).trimmedTo).toBe(2n);
  });

  it('refuses an acknowledgement of an entry that is in the log but beyond the window', async () => {
    await append(1, 5);
    const channel = await opened(senderOf(2));
    await eventually(() => expect(channel.arrived).toEqual(upTo(2)));
    await channel.receiver.write(acknowledge(3n));
    expect(await channel.outcome).toBe('FIELD_OUT_OF_RANGE');
    expect((await log.read(0n, 10)).trimmedTo).toBe(0n);
  });

  it('ends the older channel of a receiver for a newer one', async () => {
    await append(1, 2);
    const sender = senderOf();
    const old = connect(sender);
    await old.receiver.write(opening(0n));
    const fresh = connect(sender);
    fresh.read();
    expect(await old.outcome).toBe('CONFLICT');
    await fresh.receiver.write(opening(0n));
    await eventually(() => expect(fresh.arrived).toEqual([1n, 2n]));
    expect(sender.size).toBe(1);
  });

  it('ends one receiver’s channel, or all, with the error it is given', async () => {
    const sender = senderOf();
    const other = new DeliveryLog(temporary.store, { kind: 'gateway', id: 'gw2' }, 'delivery');
    const one = connect(sender);
    const otherPair = channelPair<ReceiverMessage, WireEntry>();
    const two = endOf(sender.serve(other, otherPair.sender));
    await one.receiver.write(opening(0n));
    expect(sender.size).toBe(2);
    expect(sender.end(log, new CpnsError('CERTIFICATE_REVOKED', 'revoked'))).toBe(true);
    expect(await one.outcome).toBe('CERTIFICATE_REVOKED');
    expect(sender.end(log, new CpnsError('CERTIFICATE_REVOKED', 'revoked'))).toBe(false);
    const stopping = new CpnsError('SHUTTING_DOWN', 'stopping');
    sender.stop(stopping);
    expect(await two).toBe('SHUTTING_DOWN');
    expect(await connect(sender).outcome).toBe('SHUTTING_DOWN');
    expect(sender.size).toBe(0);
  });

  it('ends a channel whose receiver does not read', async () => {
    await append(1, 10);
    const sender = senderOf();
    const channel = connect(sender, 1);
    await channel.receiver.write(opening(0n));
    await settle();
    sender.end(log, new CpnsError('SHUTTING_DOWN', 'stopping'));
    expect(await channel.outcome).toBe('SHUTTING_DOWN');
  });

  it('does not serve a call that has ended already', async () => {
    const pair = channelPair<ReceiverMessage, WireEntry>();
    pair.cut();
    await expect(senderOf().serve(log, pair.sender)).rejects.toThrow('the connection broke');
  });

  it('ends with the failure of its store', async () => {
    const channel = connect(senderOf());
    await channel.receiver.write(opening(0n));
    await eventually(() => expect(timers.pending).toHaveLength(1));
    await temporary.store.close();
    timers.advance(5_000);
    expect(await channel.outcome).toBe('DEPENDENCY_UNAVAILABLE');
  });

  it('ends with the failure to make a message of an entry', async () => {
    await append(1, 1);
    const failing = new DeliverySender<ReceiverMessage, WireEntry>(
      { ...plainSender, send: () => Promise.reject(new CpnsError('STORED_RECORD_INVALID', 'does not open')) },
      { timers },
    );
    const channel = connect(failing);
    await channel.receiver.write(opening(0n));
    expect(await channel.outcome).toBe('STORED_RECORD_INVALID');
  });

  it.each([0, -1, 1.5, 1_001])('has no window of %d', (window) => {
    expect(() => senderOf(window)).toThrow(RangeError);
  });
});
