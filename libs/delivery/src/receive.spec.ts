import { CpnsError } from '@cpns/core';
import type { ReceiverChannel, ReceiverMessage } from './channel';
import { receive, type Receiving } from './receive';
import { channelPair, eventually, plainReceiver, type WireEntry } from './testing';

const entry = (n: number): WireEntry => ({ sequence: BigInt(n), text: `entry ${n}` });

/** A sender that writes these entries and ends; collects what it is told. */
function script(entries: number[], capacity = 100) {
  const pair = channelPair<ReceiverMessage, WireEntry>(capacity);
  const told: string[] = [];
  const done = (async () => {
    for (const n of entries) await pair.sender.write(entry(n));
    pair.receiver.cancel = () => pair.finish();
    const reading = (async () => {
      for await (const message of pair.sender.requests)
        told.push(message.kind === 'opening' ? `opening ${message.lastSequence}` : `ack ${message.sequence}`);
    })();
    await reading.catch(() => undefined);
  })();
  return { ...pair, told, done };
}

/** Receives what comes after a sequence. */
const receiving = (
  channel: ReceiverChannel<WireEntry, ReceiverMessage>,
  lastSequence: bigint,
  handle: Receiving<WireEntry, ReceiverMessage>['handle'],
  more: Partial<Receiving<WireEntry, ReceiverMessage>> = {},
) => receive(channel, { codec: plainReceiver, lastSequence, handle, ...more });

describe('receive', () => {
  it('opens, handles in order, and acknowledges each entry after it was handled', async () => {
    const events: string[] = [];
    const { receiver, sender, finish } = channelPair<ReceiverMessage, WireEntry>();
    const write = async (message: ReceiverMessage) => {
      await receiver.write(message);
      events.push(message.kind === 'opening' ? `opening ${message.lastSequence}` : `ack ${message.sequence}`);
    };
    const received = receive(
      { ...receiver, write },
      {
        codec: plainReceiver,
        lastSequence: 4n,
        onOpen: () => events.push('open'),
        handle: async ({ text }) => {
          events.push(`begin ${text}`);
          await new Promise((resolve) => setTimeout(resolve, 5));
          events.push(`end ${text}`);
        },
      },
    );
    for (const n of [5, 6]) await sender.write(entry(n));
    await eventually(() => expect(events.at(-1)).toBe('ack 6'));
    finish();
    expect(await received).toBe(6n);
    expect(events).toEqual([
      ...['opening 4', 'open', 'begin entry 5', 'end entry 5', 'ack 5', 'begin entry 6', 'end entry 6', 'ack 6'],
    ]);
  });

  it('acknowledges what it has again, and does not handle it', async () => {
    const handled: bigint[] = [];
    const { receiver, told, finish, done } = script([1, 2, 3, 3, 4]);
    const received = receiving(receiver, 2n, (_, sequence) => Promise.resolve(void handled.push(sequence)));
    await eventually(() => expect(told).toHaveLength(6));
    finish();
    expect(await received).toBe(4n);
    await done;
    expect(handled).toEqual([3n, 4n]);
    expect(told).toEqual(['opening 2', 'ack 2', 'ack 2', 'ack 3', 'ack 3', 'ack 4']);
  });

  it('refuses a gap, and handles nothing of what comes after it', async () => {
    const handled: bigint[] = [];
    const { receiver } = script([1, 3, 4]);
    const received = receiving(receiver, 0n, (_, sequence) => Promise.resolve(void handled.push(sequence)));
    await expect(received).rejects.toMatchObject({
      reason: 'FIELD_OUT_OF_RANGE',
      metadata: { last: '1', sequence: '3' },
    });
    expect(handled).toEqual([1n]);
  });

  it('does not acknowledge what its handler could not take', async () => {
    const { receiver, told, done } = script([1, 2]);
    const away = new CpnsError('DEPENDENCY_UNAVAILABLE', 'store');
    const handle = (_: WireEntry, n: bigint) => (n === 2n ? Promise.reject(away) : Promise.resolve());
    const received = receiving(receiver, 0n, handle);
    await expect(received).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    await done;
    expect(told).toEqual(['opening 0', 'ack 1']);
  });

  it('fails as its channel does', async () => {
    const pair = channelPair<ReceiverMessage, WireEntry>();
    const received = receiving(pair.receiver, 0n, () => Promise.resolve());
    pair.cut(new CpnsError('SHUTTING_DOWN', 'the sender stops'));
    await expect(received).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
  });

  it('ends at its signal after the entry under way, whose commit is not undone', async () => {
    const stop = new AbortController();
    const { receiver, sender } = channelPair<ReceiverMessage, WireEntry>();
    let finish: () => void = () => undefined;
    let handled = 0;
    const handle = () => {
      handled++;
      return new Promise<void>((resolve) => (finish = resolve));
    };
    const received = receiving(receiver, 0n, handle, { signal: stop.signal });
    for (const n of [1, 2]) await sender.write(entry(n));
    await eventually(() => expect(handled).toBe(1));
    stop.abort();
    finish();
    expect(await received).toBe(1n);
    expect(handled).toBe(1);
  });

  it('does not begin when its signal has aborted', async () => {
    const pair = channelPair<ReceiverMessage, WireEntry>();
    const aborted = { signal: AbortSignal.abort() };
    expect(await receiving(pair.receiver, 7n, () => Promise.resolve(), aborted)).toBe(7n);
    expect(pair.sender.signal.aborted).toBe(true);
  });
});
