/** GK-UPDATE-T: the alerts of CSKMF, in order, from where the caller says, or all anew in a snapshot. */
import type { WatchGroupKeyEventsResponse } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { BEGINNING, received } from '@cpns/delivery';
import { testCall } from '@cpns/grpc/testing';
import type { Position } from '@cpns/store';
import { withStepChain } from '@cpns/telemetry';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { pne, World } from '../testing/world';
import { EVENTS_MAX, GroupKeyEventLog } from './group-key-events';

const A = pne('a');

describe('alerts', () => {
  const telemetry = new MemoryTelemetry();
  const world = perTest(new World({ entities: [A] }));
  afterAll(() => telemetry.stop());
  beforeEach(async () => {
    for (const groupId of ['g', 'h.1']) await world.server.create([A], { groupId });
  });

  /** A message as short as `2 g.3`: its sequence, and the newest version of the group; or what else it says. */
  const shown = (message: WatchGroupKeyEventsResponse): string => {
    const said = received(message);
    const { status, sequence } = message;
    if (said.kind === 'state') return `state ${said.last.sequence}`;
    if (said.kind === 'end') return `end ${said.count} ${sequence}`;
    if (said.kind === 'superseded') return `${sequence} superseded`;
    if (said.kind === 'begin') return 'begin';
    return `${said.kind === 'staged' ? '' : `${sequence} `}${status?.groupId}.${status?.versions.at(-1)?.version}`;
  };

  /** What is sent until the state, and then until so many more came. */
  const watch = async ({ sequence, entryId }: Position, until = /^state/, meanwhile?: () => Promise<unknown>) => {
    const over = new AbortController();
    const sent: WatchGroupKeyEventsResponse[] = [];
    let making: Promise<unknown> | undefined;
    const write = (message: WatchGroupKeyEventsResponse) => {
      sent.push(message);
      if (shown(message).startsWith('state')) making ??= meanwhile?.();
      if (until.test(shown(message))) over.abort();
      return Promise.resolve();
    };
    const call = Object.assign(testCall({ signal: over.signal }), { write });
    const server = await world.process();
    await server.management.watchGroupKeyEvents({ lastSequence: sequence, lastEntryId: entryId }, call);
    await making;
    return sent;
  };
  const seen = async (...args: Parameters<typeof watch>) => (await watch(...args)).map(shown);

  const rotate = async (...groupIds: string[]) => {
    for (const groupId of groupIds) {
      await world.server.rotate({ groupId });
      await world.server.push(groupId);
    }
  };
  const positionAt = async (sequence: bigint): Promise<Position> => {
    const { entries } = await world.server.module.get(GroupKeyEventLog).log.read(sequence - 1n, 1);
    return entries[0]!;
  };

  it('come in order, of several about one group the last alone', async () => {
    await rotate('g', 'h.1', 'g');
    expect(await seen(BEGINNING)).toEqual(['1 superseded', '2 h.1.2', '3 g.3', 'state 3']);
  });

  it('go on where the caller is', async () => {
    await rotate('g', 'h.1');
    expect(await seen(await positionAt(1n))).toEqual(['2 h.1.2', 'state 2']);
    expect(await seen(await positionAt(2n))).toEqual(['state 2']);
  });

  it('come as they are made', async () => {
    await rotate('g');
    const meanwhile = () => rotate('h.1');
    expect(await seen(BEGINNING, /^2 /, meanwhile)).toEqual(['1 g.2', 'state 1', '2 h.1.2']);
  });

  it('carry the trace of what caused them', async () => {
    await withStepChain('', () => rotate('g'));
    const steps = await telemetry.steps();
    const [alert] = await watch(BEGINNING);
    expect(alert?.traceparent).toContain(steps.at(-1)!.spanId);
  });

  it('of a group that was deleted say that it was', async () => {
    await rotate('g');
    await world.server.delete();
    const [alert] = await watch(BEGINNING);
    expect(alert?.status?.deleted).toBe(true);
  });

  test.each<[string, () => Promise<Position>]>([
    ['an entry that the log never had', async () => ({ ...(await positionAt(2n)), sequence: 3n })],
    ['another entry than the log has there', async () => ({ ...(await positionAt(1n)), sequence: 2n })],
  ])('after %s: a snapshot, and what comes after it', async (_what, position) => {
    await rotate('g', 'h.1');
    const from = await position();
    expect(await seen(from)).toEqual(['begin', 'g.2', 'h.1.2', 'end 2 2', 'state 2']);
    const more = await seen(from, /^3 /, () => rotate('g'));
    expect(more).toEqual(['begin', 'g.2', 'h.1.2', 'end 2 2', 'state 2', '3 g.3']);
  });

  it('are let go when there are too many: who was further back gets a snapshot', async () => {
    await rotate('g', 'h.1');
    const [first, second] = [await positionAt(1n), await positionAt(2n)];
    const { log } = world.server.module.get(GroupKeyEventLog);
    await log.trim(2n);
    expect(await seen(first)).toEqual(['begin', 'g.2', 'h.1.2', 'end 2 2', 'state 2']);
    expect(await seen(BEGINNING)).toEqual(['begin', 'g.2', 'h.1.2', 'end 2 2', 'state 2']);
    expect(await seen(second)).toEqual(['state 2']);
    await rotate('g');
    expect(await seen(second)).toEqual(['3 g.3', 'state 3']);
  });

  it('name no deleted group in a snapshot', async () => {
    await rotate('g');
    await world.server.delete();
    const { log } = world.server.module.get(GroupKeyEventLog);
    await log.trim(1n);
    expect(await seen(BEGINNING)).toEqual(['begin', 'h.1.1', 'end 1 1', 'state 1']);
  });

  it('are 4,096 at most', async () => {
    const events = world.server.module.get(GroupKeyEventLog);
    const append = Array.from({ length: 5_000 }, (_, n) => events.log.entry(`g.${n}`, Buffer.alloc(0)));
    await world.store.commit(events.log.aggregate, { append });
    for (let n = 5_000n; n < 5_376n; n++) await events.append('g', n);
    const { last, trimmedTo } = await events.log.read(0n, 1);
    expect(last).toBe(5_376n);
    expect(last - trimmedTo).toBeLessThanOrEqual(EVENTS_MAX);
    expect(last - trimmedTo).toBeGreaterThan(EVENTS_MAX - 512n);
  });
});
