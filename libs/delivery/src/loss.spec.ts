/** A store that loses the last entries of a log, under an open channel and a closed one: nothing is passed over. */
import { CpnsError } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { rewindableStore, type RewindableStore } from '@cpns/store/testing';
import type { ReceiverMessage } from './channel';
import { DeliveryLog } from './delivery-log';
import { BEGINNING } from './sender';
import {
  acknowledging,
  channelPair,
  eventually,
  FakeTimers,
  openingAt,
  plainSender,
  sendersOf,
  type SendersOf,
  type WireEntry,
} from './testing';

jest.setTimeout(30_000);

const reasonOf = (error: unknown) => (error instanceof CpnsError ? error.reason : String(error));
const GATEWAY = { uri: 'gw1', fingerprint: Buffer.alloc(32, 1) };
/** What the receiver is to know, as its snapshots say it. */
async function* snapshot(): AsyncGenerator<WireEntry> {
  await Promise.resolve();
  yield { ...BEGINNING, text: 'all' };
}

describe.each(['embedded', 'redis'] as const)('a log that loses entries, %s', (kind) => {
  let rewindable: RewindableStore;
  let log: DeliveryLog;
  let timers: FakeTimers;
  let clock: FakeClock;
  let senders: SendersOf;
  let lost: string[];
  let causes: string[];
  beforeEach(async () => {
    rewindable = await rewindableStore(kind);
    log = new DeliveryLog(rewindable.store, { kind: 'gateway', id: 'gw1' }, 'delivery');
    [timers, clock, lost, causes] = [new FakeTimers(), new FakeClock(), [], []];
    senders = await sendersOf(rewindable.store, log, {
      codec: { ...plainSender, snapshot, subjectOf: ({ dedupeId }) => dedupeId.split('.')[0]! },
      timers,
      clock,
      onLoss: (uri, { metadata }) => lost.push(`${uri} ${metadata.sequence}`),
      onSnapshot: (_, cause) => causes.push(cause),
    });
  });
  afterEach(async () => {
    senders.stop();
    await rewindable.dispose();
  });

  const append = async (...ids: string[]) => {
    for (const id of ids) await log.append(id, Buffer.from(id));
  };

  /** A receiver that acknowledges what it gets, as long as it is told to. */
  const open = async (from: ReceiverMessage = openingAt(0n)) => {
    const pair = channelPair<ReceiverMessage, WireEntry>(1_000);
    const got: WireEntry[] = [];
    const served = senders.serve(GATEWAY, pair.sender).finally(() => pair.finish());
    const ended = served.then(() => 'ended', reasonOf);
    const receiver = { acknowledges: true };
    const reading = async () => {
      for await (const message of pair.receiver) {
        if (message.said?.kind === 'state') continue;
        got.push(message);
        if (receiver.acknowledges && message.sequence > 0n) await pair.receiver.write(acknowledging(message));
      }
    };
    void reading().catch(() => undefined);
    await pair.receiver.write(from);
    const texts = () => got.map(({ text }) => text);
    return { ...pair, got, texts, ended, receiver: Object.assign(receiver, pair.receiver) };
  };
  const trimmed = (to: bigint) => eventually(async () => expect((await log.read(0n, 1)).trimmedTo).toBe(to));
  const last = ({ got }: { got: readonly WireEntry[] }) => got.at(-1)!;

  /** A channel with three entries that stay, and three that were sent and are lost. */
  const atLoss = async () => {
    await append('1', '2', '3');
    const channel = await open();
    await trimmed(3n);
    await rewindable.mark();
    channel.receiver.acknowledges = false;
    await append('4', '5', '6');
    await eventually(() => expect(last(channel).sequence).toBe(6n));
    await rewindable.rewind();
    return channel;
  };

  it('begins with everything, and goes on in the log', async () => {
    await append('1', '2');
    const channel = await open();
    await trimmed(2n);
    await append('3');
    await trimmed(3n);
    expect(channel.texts()).toEqual(['begin', 'all', 'end', '3']);
    channel.receiver.end();
    expect(await channel.ended).toBe('ended');
    const again = await open(openingAt(3n, last(channel).entryId));
    await append('4');
    await trimmed(4n);
    expect(again.texts()).toEqual(['4']);
    expect(causes).toEqual(['first opening']);
  });

  it.each<[string, string[]]>([
    ['while it is shorter', []],
    ['when it has grown again', ['4b', '5b', '6b', '7b']],
  ])('ends its channel %s, and tells everything over the next one', async (_, since) => {
    const channel = await atLoss();
    await append(...since);
    timers.advance(2_000);
    expect(await channel.ended).toBe('RESYNCHRONISING');
    expect(lost).toEqual(['gw1 6']);
    const again = await open(openingAt(6n, last(channel).entryId));
    await eventually(() => expect(again.texts()).toHaveLength(3));
    await trimmed(3n + BigInt(since.length));
    expect(again.got[0]).toMatchObject({ said: { kind: 'begin', doubtful: true } });
    expect(again.texts()).toEqual(['begin', 'all', 'end']);
  });

  it('is not trimmed by an acknowledgement of what it lost', async () => {
    const channel = await atLoss();
    await append('4b', '5b', '6b');
    await channel.receiver.write(acknowledging(last(channel)));
    expect(await channel.ended).toBe('RESYNCHRONISING');
    expect((await log.read(3n, 10)).entries.map(({ dedupeId }) => dedupeId)).toEqual(['4b', '5b', '6b']);
  });

  it('tells everything to a receiver that was away at the loss, also when it grew again meanwhile', async () => {
    const channel = await atLoss();
    channel.cut();
    await channel.ended;
    await append('4b', '5b', '6b');
    const again = await open(openingAt(6n, last(channel).entryId));
    await trimmed(6n);
    expect([again.texts(), causes]).toEqual([
      ['begin', 'all', 'end'],
      ['first opening', 'position'],
    ]);
  });

  it('keeps a snapshot that was cut off from counting', async () => {
    await append('1');
    const channel = await open();
    channel.receiver.acknowledges = false;
    await eventually(() => expect(channel.texts()).toContain('end'));
    channel.cut();
    await channel.ended;
    await open(openingAt(1n, last(channel).entryId));
    await eventually(() => expect(causes).toEqual(['first opening', 'first opening']));
  });

  it('lost nothing where its entries were let go, since too many waited', async () => {
    await append('1');
    const channel = await open();
    await trimmed(1n);
    channel.receiver.acknowledges = false;
    await append('2', '3');
    await eventually(() => expect(last(channel).sequence).toBe(3n));
    await log.trim(3n);
    await channel.receiver.write(acknowledging(channel.got.at(-2)!));
    expect(await channel.ended).toBe('RESYNCHRONISING');
    expect(lost).toEqual([]);
  });

  it('sends of several entries about one thing the last', async () => {
    const channel = await open();
    await eventually(() => expect(channel.texts()).toContain('end'));
    await channel.receiver.write(acknowledging(BEGINNING));
    const commit = ['a.1', 'b.1', 'a.2', 'a.3'].map((id) => log.entry(id, Buffer.from(id)));
    await rewindable.store.commit(log.aggregate, { append: commit });
    await trimmed(4n);
    expect(channel.texts()).toEqual(['begin', 'all', 'end', 'superseded', 'b.1', 'superseded', 'a.3']);
  });

  it('is told again after a day', async () => {
    await append('1');
    const channel = await open();
    await trimmed(1n);
    clock.advance(24 * 60 * 60_000);
    await eventually(() => {
      timers.advance(10_000);
      expect(senders.size).toBe(0);
    });
    expect(await channel.ended).toBe('RESYNCHRONISING');
    await open(openingAt(1n, last(channel).entryId));
    await eventually(() => expect(causes).toEqual(['first opening', 'age']));
  });
});
