/** GK-UPDATE-T: versions by time and by hand, each made once, whatever dies, and SMF alerted of each once. */
import { perTest } from '@cpns/core/testing';
import { expectRefusal, outcomeOf } from '@cpns/platform/testing';
import { deathsAt, failingStore } from '@cpns/store/testing';
import { withStepChain } from '@cpns/telemetry';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { GW, KMC, pne, PUSH, SERVER, World, type CskmfProcess } from '../testing/world';
import { setTimeout as sleep } from 'node:timers/promises';
import { GroupKeyEventLog } from './group-key-events';
import { GroupKeyLoop } from './group-key-loop';

const [A, B, C] = [pne('a'), pne('b'), pne('c')];
const PERIOD = 120_000n;

describe('rotations', () => {
  const telemetry = new MemoryTelemetry();
  const world = perTest(new World({ entities: [A, B, C], gateways: [GW] }));
  beforeEach(() => telemetry.reset());
  afterAll(() => telemetry.stop());

  const alerts = async () => {
    await world.server.push();
    const { entries } = await world.server.module.get(GroupKeyEventLog).log.read(0n, 100);
    return entries.map(({ dedupeId }) => dedupeId);
  };
  const createDue = async (description = {}) => {
    await world.server.create([A], { updatePeriod: PERIOD, ...description });
    world.clock.advance(Number(PERIOD));
  };

  it('by time are made once by two replicas', async () => {
    await createDue();
    const replicas = await Promise.all([world.process(), world.process()]);
    await Promise.all(replicas.flatMap((replica) => [replica.round(), replica.round()]));
    await Promise.all(replicas.map((replica) => replica.push()));
    expect([world.kmc.made('g'), await world.server.states(), await alerts()]).toEqual([2n, '1g 2a', ['g.2']]);
  });

  it.each(deathsAt(2))('by time that die $when commit $at are finished by the other replica', async (failure) => {
    await createDue();
    const dying = await world.process(failingStore(world.store, failure));
    await dying.round();
    await (await world.process()).round();
    expect([world.kmc.made('g'), await world.server.states(), await alerts()]).toEqual([2n, '1g 2a', ['g.2']]);
  });

  it.each(['before', 'after'] as const)('by time are made once when the KMC fails %s its work', async (when) => {
    await createDue();
    world.kmc.breakNext('createKeyVersion', when);
    await world.server.round();
    expect(world.log.text()).toContain('what is due for a group could not be done');
    await world.server.round();
    expect([world.kmc.made('g'), await world.server.states(), await alerts()]).toEqual([2n, '1g 2a', ['g.2']]);
  });

  it('half done are finished by a change of members, which then is made', async () => {
    await createDue();
    await (await world.process(failingStore(world.store, { at: 1, when: 'after' }))).round();
    await world.server.update(2n, [], [A]);
    await world.server.round();
    expect([await world.server.states(), await alerts()]).toEqual(['1g 2g 3a', ['g.2']]);
  });

  it('by time come when they are due, and not with the next round only', async () => {
    await world.server.create([A], { updatePeriod: 60_001n });
    world.clock.advance(50_000);
    const loop = world.server.module.get(GroupKeyLoop);
    loop.onApplicationBootstrap();
    await sleep(300);
    expect(world.kmc.made('g')).toBe(1n);
    world.clock.advance(10_001);
    for (let waited = 0; waited < 5_000 && world.kmc.made('g') === 1n; waited += 50) await sleep(50);
    await loop.onApplicationShutdown();
    expect(world.kmc.made('g')).toBe(2n);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['other parameters', () => world.server.describe(2n, { updatePeriod: PERIOD, preparedVersions: 2 })],
    ['a new group', () => world.server.create([A], { groupId: 'h', updatePeriod: PERIOD, preparedVersions: 2 })],
  ])('by time come at once after %s that want one', async (_what, change) => {
    await world.server.create([A]);
    const loop = world.server.module.get(GroupKeyLoop);
    loop.onApplicationBootstrap();
    await sleep(300);
    await change();
    const isMade = () => world.kmc.made('g') === 2n || world.kmc.made('h') === 2n;
    for (let waited = 0; waited < 5_000 && !isMade(); waited += 50) await sleep(50);
    await loop.onApplicationShutdown();
    expect(isMade()).toBe(true);
  });

  it('by time are not made any more after a change of members that came first', async () => {
    await createDue();
    await world.server.update(2n, [B], []);
    await world.server.round();
    expect([world.kmc.made('g'), await alerts()]).toEqual([2n, []]);
  });

  it('by hand are made for each request, and once for one with an id', async () => {
    await world.server.create([A]);
    await world.server.rotate();
    await world.server.rotate();
    const requestId = Buffer.alloc(16, 7);
    const status = await world.server.rotate({ requestId });
    await (await world.process()).rotate({ requestId });
    expect([world.kmc.made('g'), status.versions.at(-1)?.version]).toEqual([4n, 4n]);
    expect(await alerts()).toEqual(['g.2', 'g.3', 'g.4']);
  });

  it.each(deathsAt(2))('by hand that die $when commit $at are made once by the same request', async (failure) => {
    await world.server.create([A]);
    const rotate = (server: CskmfProcess) => server.rotate({ requestId: Buffer.alloc(16, 7) });
    const dying = await world.process(failingStore(world.store, failure));
    expect(await outcomeOf(rotate(dying))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    await rotate(await world.process());
    expect([world.kmc.made('g'), await alerts()]).toEqual([2n, ['g.2']]);
  });

  it('as an emergency end all older versions at once, at every replica', async () => {
    await world.server.create([A]);
    await world.server.rotate();
    await world.server.rotate({ emergency: true });
    const other = await world.process();
    expect(await other.states()).toBe('1r 2r 3a');
    for (const version of [1n, 2n])
      expect(await outcomeOf(other.pull(A, version))).toBe('FAILED_PRECONDITION/VERSION_RETIRED');
    expect(world.receive(A, await other.pull(A)).version).toBe(3n);
    expect(await alerts()).toEqual(['g.2', 'g.3']);
  });

  it('leave the membership as it is, so that SMF’s last change is still answered', async () => {
    const created = await world.server.create([A]);
    await world.server.update(2n, [B], []);
    const { membershipRevision } = await world.server.rotate();
    expect([created.membershipRevision, membershipRevision]).toEqual([1n, 2n]);
    await world.server.update(2n, [B], []);
    expect(world.kmc.made('g')).toBe(3n);
  });

  it('are no part of what SMF does itself: no alert', async () => {
    await world.server.create([A], PUSH);
    await world.server.update(2n, [B], [A], 'g', true);
    await world.server.delete();
    expect(await alerts()).toEqual([]);
  });

  it('are pushed where the group pushes', async () => {
    await createDue(PUSH);
    await world.server.round();
    await world.server.push();
    expect((await world.delivered(GW)).map(({ statement }) => statement?.version)).toEqual([2n]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['by hand', () => withStepChain('', () => world.server.rotate())],
    ['by time', () => world.server.round()],
  ])('%s: steps 1, 2, 4 and 5, each linked to the one before', async (_how, rotate) => {
    await createDue();
    telemetry.reset();
    await rotate();
    const steps = await telemetry.steps();
    for (const [index, step] of steps.slice(1).entries()) expect(step.links).toContain(steps[index]!.spanId);
    expect(steps.map(({ flow, step, from, to }) => [flow, step, from, to])).toEqual([
      ['GK-UPDATE-T', 1, SERVER, SERVER],
      ['GK-UPDATE-T', 2, SERVER, SERVER],
      ['GK-UPDATE-T', 4, KMC, SERVER],
      ['GK-UPDATE-T', 5, SERVER, SERVER],
    ]);
  });

  it('go on with the next group when one cannot be made now', async () => {
    await createDue();
    await world.server.create([A], { groupId: 'h', updatePeriod: PERIOD });
    world.clock.advance(Number(PERIOD));
    world.kmc.breakNext('createKeyVersion', 'before');
    await world.server.round();
    expect([world.kmc.made('g') + world.kmc.made('h')]).toEqual([3n]);
  });
});

describe('other parameters of a group', () => {
  const world = perTest(new World({ entities: [A], activationDelay: 5_000 }));
  const stored = async () => (await world.server.status()).membershipRevision;

  it('count from the next version on, are taken in once, and older ones change nothing', async () => {
    await world.server.create([A]);
    await world.server.describe(3n, { activationDelay: 9_000n });
    await world.server.describe(3n, { activationDelay: 9_000n });
    await world.server.describe(2n, { activationDelay: 7_000n });
    const { versions } = await world.server.rotate();
    expect([versions.at(-1)?.activateAt, await stored()]).toEqual([BigInt(world.clock.now() + 9_000), 1n]);
  });

  it('are refused where others are known under that revision', async () => {
    await world.server.create([A]);
    await world.server.describe(2n, { displayName: 'one' });
    await expectRefusal(world.store, () => world.server.describe(2n, { displayName: 'two' }), 'ABORTED/CONFLICT');
  });

  it('are refused when the Server’s own delay leaves no time for them', async () => {
    const settings = { updatePeriod: 65_000n };
    const refused = 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE update_period';
    await expectRefusal(world.store, () => world.server.create([A], settings), refused);
    await world.server.create([A]);
    await expectRefusal(world.store, () => world.server.describe(2n, settings), refused);
    await world.server.describe(2n, { updatePeriod: 65_001n });
  });

  it('outlive a change that was under way when they came', async () => {
    await world.server.create([A]);
    const dying = await world.process(failingStore(world.store, { at: 1, when: 'after' }));
    await outcomeOf(dying.rotate({ requestId: Buffer.alloc(16, 1) }));
    await world.server.describe(2n, { activationDelay: 9_000n });
    await world.server.rotate({ requestId: Buffer.alloc(16, 1) });
    const { versions } = await world.server.rotate();
    expect(versions.at(-1)?.activateAt).toBe(BigInt(world.clock.now() + 9_000));
  });
});
