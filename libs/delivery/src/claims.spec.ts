/** One log and two that would have it: replicas of the sender, and processes with one identity. */
import { CpnsError } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { recordsOn, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import type { ReceiverMessage } from './channel';
import { CLAIM_MS, ClaimedLog, WAITING_MAX } from './claimed-log';
import { DeliveryLog } from './delivery-log';
import {
  acknowledging,
  channelPair,
  eventually,
  FakeTimers,
  openingAt,
  PROCESS_ID,
  sendersOf,
  type SendersOf,
  type WireEntry,
} from './testing';

jest.setTimeout(30_000);

const reasonOf = (error: unknown) => (error instanceof CpnsError ? error.reason : String(error));
const OTHER = Buffer.alloc(16, 8);

describe('the claim of a log', () => {
  let temporary: TemporaryStore;
  let log: DeliveryLog;
  let clock: FakeClock;
  let timers: FakeTimers;
  let replicas: SendersOf[];
  beforeEach(async () => {
    temporary = await temporaryStore();
    log = new DeliveryLog(temporary.store, { kind: 'gateway', id: 'gw1' }, 'delivery');
    [clock, timers, replicas] = [new FakeClock(), new FakeTimers(), []];
    for (let n = 0; n < 2; n++) replicas.push(await sendersOf(temporary.store, log, { clock, timers }));
    for (const id of ['1', '2', '3']) await log.append(id, Buffer.from(id));
  });
  afterEach(async () => {
    for (const replica of replicas) replica.stop();
    await temporary.dispose();
  });

  /** A process of a gateway with a channel to a replica; it answers nothing by itself. */
  const open = async (replica: number, processId = PROCESS_ID, certificate = 1) => {
    const pair = channelPair<ReceiverMessage, WireEntry>(1_000);
    const got: WireEntry[] = [];
    const states: number[] = [];
    const receiver = { uri: 'gw1', fingerprint: Buffer.alloc(32, certificate) };
    const served = replicas[replica]!.serve(receiver, pair.sender).finally(() => pair.finish());
    const ended = served.then(() => 'ended', reasonOf);
    const reading = async () => {
      for await (const message of pair.receiver)
        if (message.said?.kind === 'state') states.push(message.said.otherProcessAt);
        else got.push(message);
    };
    void reading().catch(() => undefined);
    await pair.receiver.write(openingAt(0n, undefined, processId));
    return { got, states, ended, say: (message: ReceiverMessage) => pair.receiver.write(message), cut: pair.cut };
  };
  const hasAll = ({ got }: { got: readonly WireEntry[] }) => eventually(() => expect(got).toHaveLength(3));
  const alive: ReceiverMessage = { kind: 'alive' };
  const trimmedTo = async () => (await log.read(0n, 1)).trimmedTo;

  it('goes to the same process at another replica at once: the older channel trims nothing', async () => {
    const older = await open(0);
    await hasAll(older);
    const newer = await open(1);
    await hasAll(newer);
    await older.say(acknowledging(older.got[2]!));
    expect(await older.ended).toBe('SUPERSEDED');
    expect(await trimmedTo()).toBe(0n);
    await newer.say(acknowledging(newer.got[1]!));
    await eventually(async () => expect(await trimmedTo()).toBe(2n));
  });

  it('goes to another certificate at once, since the former one was replaced', async () => {
    const older = await open(0);
    await hasAll(older);
    const newer = await open(1, OTHER, 2);
    await hasAll(newer);
    await older.say(alive);
    expect(await older.ended).toBe('SUPERSEDED');
  });

  it('stays with a process that shows a sign of life: the other one is refused, and both are told', async () => {
    const first = await open(0);
    await hasAll(first);
    const second = await open(1, OTHER);
    await eventually(() => expect(timers.pending).toContain(1_000));
    await first.say(alive);
    await eventually(async () => {
      clock.advance(10);
      await first.say(alive);
      timers.advance(1_000);
      expect(replicas[1]!.size).toBe(0);
    });
    expect(await second.ended).toBe('ALREADY_CONNECTED');
    expect(second.got).toEqual([]);
    timers.advance(10_000);
    await eventually(() => expect(first.states.at(-1)).toBeGreaterThan(0));
    await first.say(acknowledging(first.got[2]!));
    await eventually(async () => expect(await trimmedTo()).toBe(3n));
  });

  it.each<[string, (first: { cut: () => void }) => void]>([
    ['its channel has ended', ({ cut }) => cut()],
    ['it showed no sign of life', () => clock.advance(CLAIM_MS)],
  ])('goes to another process once %s', async (_, leave) => {
    const first = await open(0);
    await hasAll(first);
    const second = await open(1, OTHER);
    await eventually(() => expect(timers.pending).toContain(1_000));
    expect(second.got).toEqual([]);
    leave(first);
    await eventually(() => {
      timers.advance(1_000);
      expect(second.got).toHaveLength(3);
    });
  });

  it('is not needed to let go of what waits too long', async () => {
    const claimed = new ClaimedLog(await recordsOn(temporary.store), log);
    await claimed.bound();
    expect(await trimmedTo()).toBe(0n);
    const more = Array.from({ length: 2_048 }, (_, n) => n);
    for (const part of [0, 1])
      await temporary.store.commit(log.aggregate, {
        append: more.map((n) => log.entry(`${part}.${n}`, Buffer.alloc(0))),
      });
    await claimed.bound();
    expect(await trimmedTo()).toBe(WAITING_MAX + 3n);
  });
});
