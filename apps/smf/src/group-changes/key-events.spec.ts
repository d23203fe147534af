import { eventually, perTest } from '@cpns/core/testing';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { gatewayOf, pne, type Replica, World } from '../testing/world';

jest.setTimeout(30_000);

const [GW1, GW2] = [gatewayOf('pn1'), gatewayOf('pn2')];
const [ANN, BOB, EVE] = [pne(1, 'pn1'), pne(2, 'pn2'), pne(3, 'pn1')];

describe('alerts of new versions', () => {
  const telemetry = new MemoryTelemetry('smf');
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(async () => {
    ({ smf } = world);
    for (const gateway of [GW1, GW2]) await smf.introduce(gateway);
    await smf.create([ANN, BOB]);
    await world.rest();
    telemetry.reset();
  });
  afterAll(() => telemetry.stop());

  const versions = async (gateway = GW1) => (await world.notices(gateway)).map(({ keyVersion }) => keyVersion);
  const told = (gateway: string, expected: readonly string[]) =>
    eventually(async () => expect(await world.told(gateway)).toEqual(expected));
  const alerts = async () => (await telemetry.steps()).filter(({ flow }) => flow === 'GK-UPDATE-T');

  it('lead to a notice of the same revision, once, however many processes watch', async () => {
    await Promise.all([smf.run(), (await world.replica()).run()]);
    world.server.rotate('g1');
    for (const gateway of [GW1, GW2]) await told(gateway, ['g1.1', 'g1.1-2']);
    expect(await world.notices(GW2)).toMatchObject(Array(2).fill({ membershipRevision: 1n, keyVersion: 2n }));
    const [alert, ...others] = await alerts();
    expect([alert?.step, others]).toEqual([6, []]);
    await world.rest();
  });

  it('are not told to a PN that has no members left, which hears of the change alone', async () => {
    await smf.leave(BOB);
    await world.rest();
    await smf.run();
    world.server.rotate('g1');
    await told(GW1, ['g1.1', 'g1.2', 'g1.2-3']);
    await world.rest();
    expect(await world.told(GW2)).toEqual(['g1.1', 'g1.2']);
  });

  it('go on after a stop, at the last one that was worked off', async () => {
    await smf.run();
    world.server.rotate('g1');
    await told(GW1, ['g1.1', 'g1.1-2']);
    await world.rest();
    await smf.stop();
    world.server.rotate('g1');
    world.server.rotate('g1');
    await (await world.replica()).run();
    await told(GW1, ['g1.1', 'g1.1-2', 'g1.1-4']);
    expect(world.server.events.watched.at(-1)).toBe(1n);
    expect(await alerts()).toHaveLength(2);
  });

  it.each<[string, () => void]>([
    ['were let go', () => world.server.events.trim()],
    ['were lost, and others took their places', () => world.server.events.lose()],
  ])('that %s are made up for by what is', async (_what, happens) => {
    await smf.run();
    world.server.rotate('g1');
    await told(GW1, ['g1.1', 'g1.1-2']);
    await smf.stop();
    world.server.rotate('g1');
    happens();
    const heir = await world.replica();
    await heir.run();
    await eventually(async () => expect((await versions()).at(-1)).toBe(3n));
    world.server.rotate('g1');
    await eventually(async () => expect((await versions()).at(-1)).toBe(4n));
  });

  it('are followed again once the Server is back', async () => {
    await smf.run();
    await eventually(() => expect(world.server.events.watched).toHaveLength(1));
    world.server.away = true;
    world.server.events.interrupt();
    world.server.rotate('g1');
    await eventually(() => expect(world.server.events.watched.length).toBeGreaterThan(2));
    world.server.away = false;
    await told(GW1, ['g1.1', 'g1.1-2']);
  });

  it('of a change that is under way wait for its answer', async () => {
    await smf.run();
    world.server.lose = 1;
    const adding = smf.add([EVE]);
    await eventually(() => expect(world.server.groups.get('g1')?.revision).toBe(2n));
    world.server.rotate('g1');
    await adding;
    await told(GW1, ['g1.1', 'g1.2']);
    expect(await versions()).toEqual([3n, 3n]);
  });

  it('come between changes: who leaves leads to a newer version still, who joins may not', async () => {
    await smf.run();
    world.server.rotate('g1');
    await told(GW1, ['g1.1', 'g1.1-2']);
    await smf.leave(BOB);
    await world.rest();
    expect(await versions()).toEqual([3n, 3n, 3n]);
    world.server.joinsKeepVersion = true;
    expect((await smf.add([EVE])).membershipRevision).toBe(3n);
    await world.rest();
    expect((await world.notices(GW1)).at(-1)).toMatchObject({ membershipRevision: 3n, keyVersion: 3n });
  });
});
