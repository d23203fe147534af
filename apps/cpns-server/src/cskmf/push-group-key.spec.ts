/** GK-PUSH: what the logs of the gateways have them sent after each change. */
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { dump } from '@cpns/store/testing';
import { withStepChain } from '@cpns/telemetry';
import { OUTBOX } from '@cpns/delivery';
import { DeliveryMessages } from '../gateway-delivery/delivery-messages';
import { Snapshot } from '../gateway-delivery/snapshot';
import { GatewayLog } from '../gateway-log/gateway-log';
import { GatewayOutbox } from '../gateway-log/gateway-outbox';
import { gateway, GW, GW2, pne, PUSH, World } from '../testing/world';
import { groupAggregate } from './records';
import { decodeTask, encodeTask } from './relay-task';

const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d', 'pn2')];
const [SECOND, ENDED] = [gateway('second'), gateway('ended')];

describe('pushes', () => {
  const world = perTest(new World({ entities: [A, B, C, D], gateways: [GW, SECOND, GW2] }));
  beforeEach(() => world.enrol(ENDED, 'revoked'));

  const create = (members = [A, B, D], description = PUSH) => world.server.create(members, description);
  const change: World['server']['update'] = (...args) => world.server.update(...args);
  const push = () => world.server.push();
  /** Of each delivery its version, and whom it is for. */
  const seen = async (to: string) =>
    (await world.delivered(to)).map(({ statement, envelopes }) => [
      statement?.version,
      envelopes.map(({ entity }) => entity),
    ]);

  /** What is in the outbox now. @returns what puts it there once more */
  const repetition = async () => {
    const { entries } = await world.store.readLog(groupAggregate('g'), OUTBOX, 0n, 10);
    const append = entries.map(({ dedupeId, value }) => ({ log: OUTBOX, dedupeId, value }));
    return () => world.store.commit(groupAggregate('g'), { append });
  };

  it('go to each gateway of each PN with members, and open', async () => {
    await create();
    await push();
    expect([await seen(GW), await seen(SECOND), await seen(GW2), await seen(ENDED)]).toEqual([
      [[1n, [A, B]]],
      [[1n, [A, B]]],
      [[1n, [D]]],
      [],
    ]);
    for (const to of [GW, SECOND])
      for (const entity of [A, B]) expect(world.receive(entity, (await world.delivered(to))[0]).version).toBe(1n);
  });

  it('bring each version to its recipients alone', async () => {
    const pushed: unknown[] = [];
    for (const make of [create, () => change(2n, [C], [A, D]), () => change(3n, [A], [B])]) {
      await make();
      await push();
      pushed.push([await seen(GW), await seen(GW2)]);
      for (const to of [GW, GW2]) await world.acknowledge(to);
    }
    expect(pushed).toEqual([
      [[[1n, [A, B]]], [[1n, [D]]]],
      [[[2n, [B, C]]], []],
      [[[3n, [A, C]]], []],
    ]);
  });

  it('bring a gateway that was away the newest version, however many there were', async () => {
    await create();
    for (let revision = 2n; revision < 9n; revision += 1n)
      await change(revision, revision % 2n === 0n ? [C] : [], revision % 2n === 0n ? [] : [C]);
    await push();
    expect(await seen(GW)).toEqual([[8n, [A, B, C]]]);
    const { entries } = await world.store.readLog({ kind: 'gateway', id: GW }, 'delivery', 0n, 100);
    // references alone: neither envelopes nor statements wait
    expect(Math.max(...entries.map(({ dedupeId, value }) => dedupeId.length + value.length))).toBeLessThan(100);
  });

  it('leave out whose key is not live', async () => {
    await create();
    await world.setKey(A, { state: 'revoked' });
    await world.setKey(D, { notAfter: world.clock.now() });
    await push();
    expect([await seen(GW), await seen(GW2)]).toEqual([[[1n, [B]]], []]);
  });

  it('are not made for a pull group, but for its end', async () => {
    await world.server.create([A, D]);
    await change(2n, [B], []);
    await push();
    expect([await seen(GW), await seen(GW2)]).toEqual([[], []]);
    await world.server.delete();
    await push();
    expect([await seen(GW), await seen(SECOND), await seen(GW2), await seen(ENDED)]).toEqual([
      [[3n, []]],
      [[3n, []]],
      [[3n, []]],
      [],
    ]);
    const [end] = await world.delivered(GW);
    expect(end?.statement).toMatchObject({ previous: 2n, commitment: Buffer.alloc(0) });
  });

  it('are made for a pull group in an emergency: the statement alone, by which older versions are over', async () => {
    await world.server.create([A, D]);
    await change(2n, [], [A], 'g', true);
    await push();
    for (const to of [GW, SECOND, GW2]) expect(await seen(to)).toEqual([[2n, []]]);
    expect(await seen(ENDED)).toEqual([]);
    const [{ statement } = {}] = await world.delivered(GW2);
    expect(Number(statement?.activateAt)).toBe(world.clock.now() - 120_000);
    const inSnapshot: unknown[] = [];
    for await (const { $case } of (await world.process()).module.get(Snapshot).of(GW)) inSnapshot.push($case);
    expect(inSnapshot.filter((one) => one === 'groupKey')).toEqual(['groupKey']);
  });

  it('are made in an emergency for the network that has no recipient any more, as well', async () => {
    await create();
    await change(2n, [], [A, B], 'g', true);
    await push();
    expect([await seen(GW), await seen(GW2)]).toEqual([[[2n, []]], [[2n, [D]]]]);
  });

  it('are put there once, however often they are carried', async () => {
    await create();
    const repeat = await repetition();
    await push();
    const before = await dump(world.store);
    await repeat();
    await Promise.all([push(), (await world.process()).push()]);
    const after = await dump(world.store);
    expect(after[`gateway/${GW}`]).toEqual(before[`gateway/${GW}`]);
    expect(after[`gateway/${GW2}`]).toEqual(before[`gateway/${GW2}`]);
  });

  it('come in parts, and leave out a member that lost its key before they were sent', async () => {
    const members = Array.from({ length: 502 }, (_, n) => pne(`m${String(n).padStart(3, '0')}`));
    await world.register(...members);
    await create(members);
    await push();
    await world.setKey(members[0]!, { state: 'revoked' });
    const deliveries = await world.delivered(GW);
    expect(deliveries.map(({ part, more, envelopes }) => [part, more, envelopes.length])).toEqual([
      [0, true, 500],
      [1, false, 1],
    ]);
    const reached = new Set(deliveries.flatMap(({ envelopes }) => envelopes.map(({ entity }) => entity)));
    expect(members.filter((member) => !reached.has(member))).toEqual([members[0]]);
  });

  it('carry nothing of a version that was retired meanwhile, and go on with the next', async () => {
    await create();
    await change(2n, [C], []);
    world.clock.advance(60_000);
    await push();
    expect(await seen(GW)).toEqual([[2n, [A, B, C]]]);
  });

  it('hold up nothing while the KMC is away, and come when it is back', async () => {
    await create();
    await push();
    // this process has not read the key before
    const server = await world.process();
    const messages = async () => {
      const { entries } = await server.module.get(GatewayLog).of(GW).read(0n, 10);
      const said: unknown[] = [];
      for await (const { $case } of server.module.get(DeliveryMessages).of(GW, entries.at(-1)!)) said.push($case);
      return said;
    };
    world.kmc.breakNext('getKeyVersion', 'before');
    expect(await messages()).toEqual([]);
    await world.acknowledge(GW);
    world.clock.advance(6_000);
    await server.module.get(GatewayOutbox).sweep();
    expect(await messages()).toEqual(['groupKey']);
  });

  it('keep no key in the clear at rest', async () => {
    await create();
    await push();
    const material = world.kmc.material('g', 1n)!;
    const all = JSON.stringify(await dump(world.store));
    expect(all).not.toContain(material.toString('base64').slice(0, 40));
    expect(all).not.toContain(material.toString('hex'));
  });
});

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const entry = (value: Buffer) => ({ sequence: 1n, dedupeId: 'push.7', value, entryId: Buffer.alloc(16) });

test.each(['push', 'end', 'alert'] as const)('%s: what is stored is what is carried', (kind) => {
  const value = withStepChain(TRACE, () => encodeTask({ kind, id: 'push.7', version: 2n ** 64n - 1n }));
  expect(decodeTask(entry(value))).toEqual({ kind, id: 'push.7', version: 2n ** 64n - 1n, traceparent: TRACE });
});

test('of a version that is pushed again, with the revision', () => {
  const task = { kind: 'push', id: 'push.7', version: 7n, revision: 12n } as const;
  expect(decodeTask(entry(withStepChain(TRACE, () => encodeTask(task))))).toEqual({ ...task, traceparent: TRACE });
});

test.each([
  ['no JSON', '{'],
  ['nothing', 'null'],
  ['another kind', '{"kind":"x","version":"1"}'],
  ['no version', '{"kind":"push"}'],
  ['a version that is no number', '{"kind":"push","version":"-1"}'],
  ['a revision that is no number', '{"kind":"push","version":"1","revision":2}'],
])('%s is none of ours', async (_what, text) => {
  expect(await outcomeOf(Promise.resolve().then(() => decodeTask(entry(Buffer.from(text)))))).toBe(
    'INTERNAL/STORED_RECORD_INVALID',
  );
});
