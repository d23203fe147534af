import type { Aggregate, LogEntry } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { OUTBOX, outboxEntry, OutboxRelay } from './outbox';
import { eventually, FakeTimers } from './testing';

const at = (id: string): Aggregate => ({ kind: 'group', id });

describe('OutboxRelay', () => {
  let temporary: TemporaryStore;
  let carried: string[];
  let failures: [string, string, number][];
  let timers: FakeTimers;
  beforeEach(async () => {
    temporary = await temporaryStore();
    [carried, failures, timers] = [[], [], new FakeTimers()];
  });
  afterEach(() => temporary.dispose());

  const append = (id: string, ...names: readonly string[]) =>
    temporary.store.commit(at(id), { append: names.map((name) => outboxEntry(name, Buffer.from(name))) });
  const left = async (id: string) =>
    (await temporary.store.readLog(at(id), OUTBOX, 0n, 100)).entries.map(({ dedupeId }) => dedupeId);
  const keep = (aggregate: Aggregate, { dedupeId }: LogEntry) => {
    carried.push(`${aggregate.id}/${dedupeId}`);
    return Promise.resolve();
  };
  const relay = (carry: (aggregate: Aggregate, entry: LogEntry) => Promise<void> = keep) =>
    new OutboxRelay({
      store: temporary.store,
      kind: 'group',
      carry,
      onFailure: ({ id }, error, retryIn) => failures.push([id, String(error), retryIn]),
      backoff: { first: 100, longest: 300 },
      sweepEvery: 1_000,
      timers,
    });

  it('carries what is there in order, and forgets what arrived', async () => {
    await append('g', 'a', 'b', 'c');
    await relay().drain(at('g'));
    expect(carried).toEqual(['g/a', 'g/b', 'g/c']);
    expect(await left('g')).toEqual([]);
  });

  it('carries more than a page', async () => {
    const names = Array.from({ length: 250 }, (_, n) => `n${n}`);
    await append('g', ...names);
    await relay().drain(at('g'));
    expect(carried).toEqual(names.map((name) => `g/${name}`));
  });

  it('keeps an entry that did not arrive and those after it, and says why', async () => {
    await append('g', 'a', 'b', 'c');
    const failing = relay((aggregate, entry) =>
      entry.dedupeId === 'b' ? Promise.reject(new Error('away')) : keep(aggregate, entry),
    );
    await expect(failing.drain(at('g'))).rejects.toThrow('away');
    expect(carried).toEqual(['g/a']);
    expect(await left('g')).toEqual(['b', 'c']);
  });

  it('never carries two entries of an aggregate at a time, however many ask', async () => {
    await append('g', 'a', 'b', 'c');
    let atOnce = 0;
    let most = 0;
    const slow = relay(async (aggregate, entry) => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 2));
      atOnce -= 1;
      await keep(aggregate, entry);
    });
    await Promise.all([slow.drain(at('g')), slow.drain(at('g')), slow.drain(at('g'))]);
    expect({ most, carried }).toEqual({ most: 1, carried: ['g/a', 'g/b', 'g/c'] });
  });

  it('carries what was appended while it was at work before it resolves', async () => {
    await append('g', 'a');
    const both: Promise<void>[] = [];
    const working: OutboxRelay = relay(async (aggregate, entry) => {
      await keep(aggregate, entry);
      if (entry.dedupeId !== 'a') return;
      await append('g', 'late');
      both.push(working.drain(at('g')));
    });
    both.push(working.drain(at('g')));
    await Promise.all(both);
    await Promise.all(both);
    expect(carried).toEqual(['g/a', 'g/late']);
  });

  it('tries again with growing pauses until it succeeds', async () => {
    await append('g', 'a');
    let away = 3;
    const trying = relay((aggregate, entry) =>
      away-- > 0 ? Promise.reject(new Error('away')) : keep(aggregate, entry),
    );
    trying.wake(at('g'));
    for (const [count, pause] of [100, 200, 300].entries()) {
      await eventually(() => expect(failures).toHaveLength(count + 1));
      expect(failures[count]).toEqual(['g', 'Error: away', pause]);
      timers.advance(pause);
    }
    await eventually(() => expect(carried).toEqual(['g/a']));
  });

  it('tries again once, however many wake it', async () => {
    await append('g', 'a');
    const trying = relay(() => Promise.reject(new Error('away')));
    for (let n = 0; n < 5; n++) trying.wake(at('g'));
    await eventually(() => expect(failures).toHaveLength(1));
    expect(timers.pending).toEqual([100]);
    timers.advance(100);
    await eventually(() => expect(failures).toHaveLength(2));
    expect(timers.pending).toEqual([200]);
  });

  it('one that is away holds up no other', async () => {
    await append('ill', 'a');
    await append('well', 'a');
    const trying = relay((aggregate, entry) =>
      aggregate.id === 'ill' ? Promise.reject(new Error('away')) : keep(aggregate, entry),
    );
    trying.wake(at('ill'));
    trying.wake(at('well'));
    await eventually(() => expect({ carried, failed: failures.length }).toEqual({ carried: ['well/a'], failed: 1 }));
  });

  it('finds at its start, and from time to time, what others left behind', async () => {
    await append('before', 'a');
    const over = new AbortController();
    const running = relay();
    const done = running.run(over.signal);
    await eventually(() => expect(carried).toEqual(['before/a']));
    await append('meanwhile', 'a');
    await eventually(() => expect(timers.pending).toContain(1_000));
    timers.advance(1_000);
    await eventually(() => expect(carried).toEqual(['before/a', 'meanwhile/a']));
    over.abort();
    await done;
  });

  it('stops: what waits for another attempt waits for the next start', async () => {
    await append('g', 'a');
    const over = new AbortController();
    const trying = relay(() => Promise.reject(new Error('away')));
    const done = trying.run(over.signal);
    await eventually(() => expect(failures).toHaveLength(1));
    over.abort();
    await done;
    expect(timers.pending).toEqual([]);
    expect(await left('g')).toEqual(['a']);
  });

  it('stops at once when that is asked for during a sweep', async () => {
    const over = new AbortController();
    const done = relay().run(over.signal);
    over.abort();
    await done;
    expect(timers.pending).toEqual([]);
  });
});
