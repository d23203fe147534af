/** Joins that make no version of their own: within a group's window, and where the version in use is kept. */
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { deathsAt, failingStore } from '@cpns/store/testing';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { GW, pne, PUSH, World } from '../testing/world';

const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d')];
const NOT_GIVEN = 'PERMISSION_DENIED/VERSION_NOT_GIVEN';
const OK = 'accepted';

describe('joins', () => {
  const telemetry = new MemoryTelemetry();
  const world = perTest(new World({ entities: [A, B, C, D], gateways: [GW], activationDelay: 30_000 }));
  beforeEach(() => telemetry.reset());
  afterAll(() => telemetry.stop());

  const given = async (entity: string) => {
    const outcomes: string[] = [];
    for (let version = 1n; version <= world.kmc.made('g'); version++)
      outcomes.push(await outcomeOf(world.server.pull(entity, version)));
    return outcomes;
  };
  const seen = async () =>
    (await world.delivered(GW)).map(({ statement, envelopes }) => [
      statement?.version,
      envelopes.map(({ entity }) => entity),
    ]);
  const newestRevision = async () => (await world.server.status()).membershipRevision;

  it('within the window share a version, which is pushed again', async () => {
    await world.server.create([A], { ...PUSH, joinWindow: 20_000n });
    await world.server.update(2n, [B], []);
    await world.server.push();
    world.clock.advance(20_000);
    await world.server.update(3n, [C], []);
    expect([await newestRevision(), world.kmc.made('g')]).toEqual([3n, 2n]);
    await world.server.push();
    const log = world.store.readLog({ kind: 'gateway', id: GW }, 'delivery', 0n, 10);
    expect((await log).entries.map(({ dedupeId }) => dedupeId)).toEqual(['group.g.1', 'group.g.2', 'group.g.2-3']);
    expect(await seen()).toEqual([[2n, [A, B, C]]]);
    expect(await given(C)).toEqual([NOT_GIVEN, OK]);
    world.clock.advance(1);
    await world.server.update(4n, [D], []);
    expect([world.kmc.made('g'), await given(D)]).toEqual([3n, [NOT_GIVEN, NOT_GIVEN, OK]]);
  });

  it.each<[string, string[], string[], boolean]>([
    ['a leave', [], [B], false],
    ['a join with a leave', [C], [B], false],
    ['an emergency', [C], [], true],
  ])('within the window %s has a version of its own', async (_what, joined, left, emergency) => {
    await world.server.create([A], { ...PUSH, joinWindow: 20_000n });
    await world.server.update(2n, [B], []);
    await world.server.update(3n, joined, left, 'g', emergency);
    expect(world.kmc.made('g')).toBe(3n);
  });

  it('are answered again, and a repetition of one that is over is refused', async () => {
    await world.server.create([A], { joinKeepsVersion: true });
    const first = await world.server.update(2n, [B], []);
    expect(await world.server.update(2n, [B], [])).toEqual(first);
    await world.server.update(3n, [C], []);
    expect(await outcomeOf(world.server.update(2n, [B], []))).toBe('ABORTED/CONFLICT');
    expect(first.versions.map(({ version }) => version)).toEqual([1n]);
  });

  it('in a group that keeps its version get the one in use, and what was prepared', async () => {
    await world.server.create([A], { joinKeepsVersion: true, updatePeriod: 10_000_000n, preparedVersions: 2 });
    await world.server.round();
    await world.server.update(2n, [B], []);
    expect([await world.server.states(), await given(B)]).toEqual(['1a 2p', [OK, OK]]);
    await world.server.update(3n, [], [B]);
    await world.server.update(4n, [B], []);
    expect([await world.server.states(), await given(B)]).toEqual(['1g 2g 3a', [OK, OK, OK]]);
  });

  it('in a push group that keeps its version are pushed the one in use, and the newest', async () => {
    await world.server.create([A], { ...PUSH, joinKeepsVersion: true });
    await world.server.rotate();
    await world.server.update(2n, [B], []);
    await world.server.push();
    expect(await seen()).toEqual([
      [1n, [A, B]],
      [2n, [A, B]],
    ]);
  });

  it('ask the KMC for nothing, and no key is forwarded', async () => {
    await world.server.create([A], { joinKeepsVersion: true });
    const { length } = world.kmc.calls;
    telemetry.reset();
    await world.server.update(2n, [B], []);
    expect((await telemetry.steps()).map(({ flow, step }) => [flow, step])).toEqual([
      ['GK-UPDATE-M', 1],
      ['GK-UPDATE-M', 2],
    ]);
    expect(world.kmc.calls).toHaveLength(length);
  });

  it.each(deathsAt(3))('that die $when commit $at are completed by the same call, elsewhere', async (failure) => {
    await world.server.create([A], { joinKeepsVersion: true });
    const dying = await world.process(failingStore(world.store, failure));
    expect(await outcomeOf(dying.update(2n, [B], []))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    await (await world.process()).update(2n, [B], []);
    expect([await newestRevision(), await given(B), world.kmc.made('g')]).toEqual([2n, [OK], 1n]);
  });
});
