import { CpnsError } from '@cpns/core';
import type { Position } from '@cpns/store';
import { FakeClock } from '@cpns/core/testing';
import type { Control, ReceiverChannel, ReceiverMessage } from './channel';
import { type EntryKind, receive, type Receiving, SILENCE_MAX } from './receive';
import { BEGINNING } from './sender';
import { channelPair, eventually, FakeTimers, openingAt, plainReceiver, type WireEntry } from './testing';

const at = (n: number | bigint) => ({ sequence: BigInt(n), entryId: Buffer.alloc(16, Number(n)) });
const entry = (n: number): WireEntry => ({ ...at(n), text: `entry ${n}` });
const said = (message: ReceiverMessage) => {
  if (message.kind === 'opening') return `opening ${message.opening.position.sequence}`;
  return message.kind === 'alive' ? 'alive' : `ack ${message.position.sequence}`;
};
const openingOf = (n: bigint) => (n === 0n ? openingAt(0n) : openingAt(n, at(n).entryId)).opening;

/** A sender that writes these entries and ends; collects what it is told. */
function script(entries: number[], capacity = 100) {
  const pair = channelPair<ReceiverMessage, WireEntry>(capacity);
  const told: string[] = [];
  const done = (async () => {
    for (const n of entries) await pair.sender.write(entry(n));
    pair.receiver.cancel = () => pair.finish();
    const reading = (async () => {
      for await (const message of pair.sender.requests) told.push(said(message));
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
) => receive(channel, { codec: plainReceiver, opening: openingOf(lastSequence), handle, ...more });

describe('receive', () => {
  it('opens, handles in order, and acknowledges each entry after it was handled', async () => {
    const events: string[] = [];
    const { receiver, sender, finish } = channelPair<ReceiverMessage, WireEntry>();
    const write = async (message: ReceiverMessage) => {
      await receiver.write(message);
      events.push(said(message));
    };
    const received = receive(
      { ...receiver, write },
      {
        codec: plainReceiver,
        opening: openingOf(4n),
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
    expect(await received).toEqual(at(6));
    expect(events).toEqual([
      ...['opening 4', 'open', 'begin entry 5', 'end entry 5', 'ack 5', 'begin entry 6', 'end entry 6', 'ack 6'],
    ]);
  });

  it('acknowledges what it has again, and does not handle it', async () => {
    const handled: bigint[] = [];
    const { receiver, told, finish, done } = script([1, 2, 3, 3, 4]);
    const received = receiving(receiver, 2n, (_, { sequence }) => Promise.resolve(void handled.push(sequence)));
    await eventually(() => expect(told).toHaveLength(6));
    finish();
    expect(await received).toEqual(at(4));
    await done;
    expect(handled).toEqual([3n, 4n]);
    expect(told).toEqual(['opening 2', 'ack 2', 'ack 2', 'ack 3', 'ack 3', 'ack 4']);
  });

  it('refuses a gap, and handles nothing of what comes after it', async () => {
    const handled: bigint[] = [];
    const { receiver } = script([1, 3, 4]);
    const received = receiving(receiver, 0n, (_, { sequence }) => Promise.resolve(void handled.push(sequence)));
    await expect(received).rejects.toMatchObject({
      reason: 'FIELD_OUT_OF_RANGE',
      metadata: { last: '1', sequence: '3' },
    });
    expect(handled).toEqual([1n]);
  });

  it('does not acknowledge what its handler could not take', async () => {
    const { receiver, told, done } = script([1, 2]);
    const away = new CpnsError('DEPENDENCY_UNAVAILABLE', 'store');
    const handle = (_: WireEntry, { sequence }: Position) =>
      sequence === 2n ? Promise.reject(away) : Promise.resolve();
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

  it('gives a channel up on which nothing comes, but not one that is slow to be worked off', async () => {
    const timers = new FakeTimers();
    const pair = channelPair<ReceiverMessage, WireEntry>();
    let handled: () => void = () => undefined;
    const handle = () => new Promise<void>((resolve) => (handled = resolve));
    const received = receiving(pair.receiver, 0n, handle, { timers });
    await pair.sender.write(entry(1));
    await eventually(() => expect(timers.pending).toEqual([]));
    timers.advance(2 * SILENCE_MAX);
    handled();
    await eventually(() => expect(timers.pending).toEqual([SILENCE_MAX]));
    timers.advance(SILENCE_MAX);
    await expect(received).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(pair.sender.signal.aborted).toBe(true);
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
    expect(await received).toEqual(at(1));
    expect(handled).toBe(1);
  });

  it('does not begin when its signal has aborted', async () => {
    const pair = channelPair<ReceiverMessage, WireEntry>();
    const aborted = { signal: AbortSignal.abort() };
    expect(await receiving(pair.receiver, 7n, () => Promise.resolve(), aborted)).toEqual(at(7));
    expect(pair.sender.signal.aborted).toBe(true);
  });

  it('acknowledges an entry in parts with its last one, also where the channel was cut between them', async () => {
    const handled: string[] = [];
    const handle = ({ text }: WireEntry, _: Position, { more }: EntryKind) =>
      Promise.resolve(void handled.push(`${text} ${more}`));
    const parts = ['a+', 'b+', 'c'].map((text) => ({ ...at(3), text }));
    for (const [came, last, acknowledged] of [
      [parts.slice(0, 2), 2, []],
      [parts, 3, ['ack 3']],
    ] as const) {
      const { receiver, sender, finish } = channelPair<ReceiverMessage, WireEntry>(100);
      const told: string[] = [];
      const write = (message: ReceiverMessage) => Promise.resolve(void told.push(said(message)));
      const received = receiving({ ...receiver, write }, 2n, handle);
      for (const part of came) await sender.write(part);
      finish();
      expect(await received).toEqual(at(last));
      expect(told).toEqual(['opening 2', ...acknowledged]);
    }
    expect(handled).toEqual(['a+ true', 'b+ true', 'a+ true', 'b+ true', 'c false']);
  });

  describe('a snapshot', () => {
    const ID = Buffer.alloc(16, 3);
    const begin: WireEntry = { ...BEGINNING, text: '', said: { kind: 'begin', snapshotId: ID, doubtful: true } };
    const staged = (text: string): WireEntry => ({ ...BEGINNING, text });
    const end = (count: bigint, snapshotId = ID): WireEntry => ({
      ...at(9),
      text: '',
      said: { kind: 'end', snapshotId, count, position: at(9) },
    });

    /** What became of what the sender said. */
    async function taken(...messages: WireEntry[]) {
      const { receiver, sender, finish } = channelPair<ReceiverMessage, WireEntry>(100);
      const events: string[] = [];
      const staging = {
        begin: (doubtful: boolean) => Promise.resolve(void events.push(`begin ${doubtful}`)),
        take: ({ text }: WireEntry) => Promise.resolve(void events.push(text)),
        end: ({ sequence }: Position) => Promise.resolve(void events.push(`end ${sequence}`)),
      };
      const handle = ({ text }: WireEntry) => Promise.resolve(void events.push(text));
      const received = receiving({ ...receiver, write: () => Promise.resolve() }, 2n, handle, { staging }).then(
        ({ sequence }) => events.push(`at ${sequence}`),
        (error: CpnsError) => events.push(error.reason),
      );
      for (const message of messages) await sender.write(message);
      finish();
      await received;
      return events;
    }

    it('is staged, ends with its position, and entries follow', async () => {
      const events = ['begin true', 'a', 'b', 'end 9', 'entry 10', 'at 10'];
      expect(await taken(begin, staged('a'), staged('b'), end(2n), entry(10))).toEqual(events);
    });

    it.each<[string, WireEntry[], string[]]>([
      ['with a message too few', [begin, staged('a'), end(2n)], ['begin true', 'a', 'FIELD_OUT_OF_RANGE']],
      ['with a message too many', [begin, staged('a'), end(0n)], ['begin true', 'a', 'FIELD_OUT_OF_RANGE']],
      ['with the end of another', [begin, end(0n, Buffer.alloc(16))], ['begin true', 'MALFORMED_MESSAGE']],
      ['without a beginning', [end(0n)], ['MALFORMED_MESSAGE']],
      ['of which a message comes alone', [staged('a')], ['MALFORMED_MESSAGE']],
      ['with an entry in it', [begin, entry(3)], ['begin true', 'MALFORMED_MESSAGE']],
      ['that is cut off', [begin, staged('a')], ['begin true', 'a', 'at 2']],
    ])('%s never becomes what is so', async (_, messages, events) => {
      expect(await taken(...messages)).toEqual(events);
    });

    it('is none where the channel has none', async () => {
      const { receiver, sender } = channelPair<ReceiverMessage, WireEntry>();
      const received = receiving(receiver, 2n, () => Promise.resolve());
      await sender.write(begin);
      await expect(received).rejects.toMatchObject({ reason: 'MALFORMED_MESSAGE' });
    });
  });

  it('answers each state with a sign of life, and hands an entry on that is superseded', async () => {
    const { receiver, sender, finish } = channelPair<ReceiverMessage, WireEntry>(100);
    const told: string[] = [];
    const write = (message: ReceiverMessage) => Promise.resolve(void told.push(said(message)));
    const handle = (_: WireEntry, { sequence }: Position, { superseded }: EntryKind) =>
      Promise.resolve(void told.push(`${sequence} ${superseded}`));
    const received = receiving({ ...receiver, write }, 2n, handle);
    const state = { kind: 'state', last: at(3), otherProcessAt: 0 } as const;
    await sender.write({ ...BEGINNING, text: '', said: state });
    await sender.write({ ...at(3), text: '', said: { kind: 'superseded', position: at(3) } });
    await eventually(() => expect(told).toEqual(['opening 2', 'alive', '3 true', 'ack 3']));
    finish();
    await received;
  });

  it('is current, as of a state’s arrival, once it has what that names, and all of a snapshot that began before', async () => {
    const clock = new FakeClock(5_000);
    const { receiver, sender, finish } = channelPair<ReceiverMessage, WireEntry>(100);
    const events: string[] = [];
    const did = (what: string) => Promise.resolve(void events.push(what));
    const received = receiving({ ...receiver, write: () => Promise.resolve() }, 2n, ({ text }) => did(text), {
      clock,
      onCurrent: (arrivedAt) => did(`current ${arrivedAt}`),
      staging: { begin: () => did('begin'), take: () => did('take'), end: () => did('end') },
    });
    const say = async (control: Control, passes: number) => {
      await sender.write({ ...BEGINNING, text: '', said: control });
      await eventually(() => expect(events).toHaveLength(passes));
    };
    const state = (n: number): Control => ({ kind: 'state', last: at(n), otherProcessAt: 0 });
    const snapshotId = Buffer.alloc(16, 3);
    await say({ kind: 'begin', snapshotId, doubtful: false }, 1);
    await say(state(2), 1);
    clock.advance(1_000);
    await say({ kind: 'end', snapshotId, count: 0n, position: at(2) }, 3);
    await say(state(2), 4);
    await say(state(3), 4);
    clock.advance(1_000);
    await say(state(4), 4);
    await sender.write(entry(3));
    finish();
    await received;
    expect(events).toEqual(['begin', 'end', 'current 5000', 'current 6000', 'entry 3', 'current 6000']);
  });
});
