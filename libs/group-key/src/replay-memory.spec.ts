import { reasonOf, itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { ReplayMemory, REPLAY_LIMITS, type ReplayHeader, type ReplayLimits } from './replay-memory';

const session = (n: number): Buffer => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(n);
  return bytes;
};
const header = (counter: number, of = 1, sender = 'a', version = 1n): ReplayHeader => ({
  version,
  sender: `cpns://pn1.td/pne/${sender}`,
  session: session(of),
  counter: BigInt(counter),
});
const limits: ReplayLimits = { windows: 2, sessions: 4, total: 6 };

describe('the memory of what was opened', () => {
  it('lets (sender, session, counter) open once', () => {
    const memory = new ReplayMemory();
    for (const one of [header(0), header(1), header(0, 2), header(0, 1, 'b'), header(0, 1, 'a', 2n)]) {
      expect(memory.isFresh(one)).toBe(true);
      expect(reasonOf(() => memory.accept(one))).toBe('accepted');
      expect(memory.isFresh(one)).toBe(false);
      expect(reasonOf(() => memory.accept(one))).toBe('CONTENT_REPLAYED opened');
    }
    expect(memory.size).toBe(4);
  });

  it('gives what changed, for a record of its own, and starts again from it', () => {
    const memory = new ReplayMemory([], limits);
    const states = new Map<string, ReturnType<ReplayMemory['accept']>>();
    for (const one of [header(5), header(5, 2), header(5, 3), header(9, 1, 'b')]) {
      const state = memory.accept(one);
      states.set(`${state.version} ${state.sender}`, state);
    }
    expect([...states.values()]).toEqual(memory.states());
    const again = new ReplayMemory([...states.values()], limits);
    expect(again.size).toBe(memory.size);
    expect(again.states()).toEqual(memory.states());
    expect(reasonOf(() => again.accept(header(5, 3)))).toBe('CONTENT_REPLAYED opened');
    expect(reasonOf(() => again.accept(header(6, 1)))).toBe('CONTENT_REPLAYED session-closed');
    expect(reasonOf(() => again.accept(header(6, 3)))).toBe('accepted');
  });

  it('closes the session that was used longest ago, for good', () => {
    const memory = new ReplayMemory([], limits);
    memory.accept(header(0, 1));
    memory.accept(header(0, 2));
    memory.accept(header(1, 1));
    memory.accept(header(0, 3));
    expect(reasonOf(() => memory.accept(header(7, 2)))).toBe('CONTENT_REPLAYED session-closed');
    expect(reasonOf(() => memory.accept(header(2, 1)))).toBe('accepted');
    expect(memory.size).toBe(3);
  });

  it('takes no unknown session of a sender that had as many as it may, and goes on with the known', () => {
    const memory = new ReplayMemory([], limits);
    for (let n = 1; n <= 4; n++) memory.accept(header(0, n));
    expect(reasonOf(() => memory.accept(header(0, 5)))).toBe('CONTENT_REPLAYED sessions-of-sender');
    expect(reasonOf(() => memory.accept(header(1, 4)))).toBe('accepted');
    expect(reasonOf(() => memory.accept(header(0, 1, 'b')))).toBe('accepted');
    expect(reasonOf(() => memory.accept(header(0, 5, 'a', 2n)))).toBe('accepted');
  });

  it('takes no unknown session when all together are as many as there may be', () => {
    const memory = new ReplayMemory([], limits);
    for (let n = 1; n <= 6; n++) memory.accept(header(0, 1, `s${n}`));
    expect(reasonOf(() => memory.accept(header(0, 1, 's7')))).toBe('CONTENT_REPLAYED sessions-in-all');
    expect(reasonOf(() => memory.accept(header(1, 1, 's6')))).toBe('accepted');
    expect(memory.size).toBe(6);
  });

  it('has room again once versions have retired', () => {
    const memory = new ReplayMemory([], limits);
    for (let n = 1; n <= 4; n++) memory.accept(header(0, n));
    for (let n = 1; n <= 2; n++) memory.accept(header(0, n, 'a', 2n));
    memory.forget(1n);
    expect(memory.size).toBe(2);
    expect(memory.states().map(({ version }) => version)).toEqual([2n]);
    expect(reasonOf(() => memory.accept(header(0, 1, 'a', 2n)))).toBe('CONTENT_REPLAYED opened');
    expect(reasonOf(() => memory.accept(header(0, 3, 'a', 2n)))).toBe('accepted');
  });

  const step = fc.record({
    counter: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 3_000 })),
    of: fc.nat({ max: 7 }),
    sender: fc.constantFrom('a', 'b', 'c'),
    restart: fc.boolean(),
  });
  itHolds(
    'never lets anything open twice, and never grows beyond its limits, whatever comes and whenever it is stored',
    [fc.array(step, { maxLength: 120 })],
    (steps) => {
      let memory = new ReplayMemory([], limits);
      const opened = new Set<string>();
      for (const { counter, of, sender, restart } of steps) {
        if (restart) memory = new ReplayMemory(memory.states(), limits);
        const name = `${sender} ${of} ${counter}`;
        const accepted = reasonOf(() => memory.accept(header(counter, of, sender))) === 'accepted';
        expect(accepted && opened.has(name)).toBe(false);
        if (accepted) opened.add(name);
        expect(memory.size).toBeLessThanOrEqual(limits.total);
        for (const { windows, closed } of memory.states()) {
          expect(windows.length).toBeLessThanOrEqual(limits.windows);
          expect(windows.length + closed.length).toBeLessThanOrEqual(limits.sessions);
        }
      }
    },
  );

  it('has the limits that the page gives', () => {
    expect(REPLAY_LIMITS).toEqual({ windows: 4, sessions: 1_024, total: 65_536 });
  });
});
