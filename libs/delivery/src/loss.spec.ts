/** A store that loses the last entries of a log under an open channel: none of those that take their place is skipped. */
import { reasonOfAsync } from '@cpns/core/testing';
import { rewindableStore, type RewindableStore } from '@cpns/store/testing';
import type { ReceiverMessage } from './channel';
import { DeliveryLog } from './delivery-log';
import { DeliverySender } from './sender';
import { channelPair, eventually, FakeTimers, plainSender, type WireEntry } from './testing';

jest.setTimeout(30_000);

describe.each(['embedded', 'redis'] as const)('a log that loses entries, %s', (kind) => {
  let rewindable: RewindableStore;
  let log: DeliveryLog;
  let timers: FakeTimers;
  let lost: string[];
  beforeEach(async () => {
    rewindable = await rewindableStore(kind);
    log = new DeliveryLog(rewindable.store, { kind: 'gateway', id: 'gw1' }, 'delivery');
    timers = new FakeTimers();
    lost = [];
  });
  afterEach(() => rewindable.dispose());

  const append = async (...ids: string[]) => {
    for (const id of ids) await log.append(id, Buffer.from(id));
  };

  /** A channel with three entries that stay and three that are lost, all of them sent and the first two acknowledged. */
  const opened = async () => {
    await append('1', '2', '3');
    await rewindable.mark();
    await append('4', '5', '6');
    const pair = channelPair<ReceiverMessage, WireEntry>();
    const sender = new DeliverySender<ReceiverMessage, WireEntry>(plainSender, {
      timers,
      onLoss: (each, error) => lost.push(`${each.name} ${error.metadata.sequence}`),
    });
    const got: string[] = [];
    const ended = reasonOfAsync(() => sender.serve(log, pair.sender)).finally(() => pair.finish());
    const reading = async () => {
      for await (const { text } of pair.receiver) got.push(text);
    };
    void reading().catch(() => undefined);
    await pair.receiver.write({ kind: 'opening', lastSequence: 0n });
    await eventually(() => expect(got).toHaveLength(6));
    await pair.receiver.write({ kind: 'acknowledge', sequence: 2n });
    await eventually(async () => expect((await log.read(0n, 1)).trimmedTo).toBe(2n));
    await rewindable.rewind();
    return { got, ended, acknowledge: () => pair.receiver.write({ kind: 'acknowledge', sequence: 6n }) };
  };

  it.each<[string, string[]]>([
    ['while it is shorter', []],
    ['when it has grown again', ['4b', '5b', '6b', '7b']],
  ])('ends its channel %s, and says so', async (_, since) => {
    const { got, ended } = await opened();
    await append(...since);
    timers.advance(2_000);
    expect(await ended).toBe('CONFLICT');
    expect(lost).toEqual(['gateway/gw1/delivery 6']);
    expect(got).toHaveLength(6);
  });

  it('is not trimmed by an acknowledgement of what it lost', async () => {
    const { ended, acknowledge } = await opened();
    await append('4b', '5b', '6b');
    await acknowledge();
    expect(await ended).toBe('CONFLICT');
    expect((await log.read(0n, 10)).entries.map(({ dedupeId }) => dedupeId)).toEqual(
      expect.arrayContaining(['3', '4b', '5b', '6b']),
    );
    expect(lost).toEqual(['gateway/gw1/delivery 6']);
  });
});
