/**
 * kill -9 before every single commit of a group's life at the gateway, which is after the one before: what comes again ends
 * in the same state.
 */
import type { GatewayGroupKeyDelivery } from '@cpns/contracts';
import type { NoticeOf } from '../testing/fake-smf';
import { BOTH, GatewayWorld, GROUP, LOCK, SENSOR } from '../testing/world';
import { GRACE_MS } from '@cpns/group-key';
import { failingStore } from '@cpns/store/testing';

const ALL = [...BOTH, SENSOR];
type Event = { readonly notice: NoticeOf } | { readonly push: GatewayGroupKeyDelivery };
type Act = (world: GatewayWorld) => readonly Event[];

const of = (groupId: string, delivery: 'pull' | 'push') => (revision: bigint, members: readonly string[]) => ({
  notice: { groupId, delivery, revision, members },
});

const LIVES: Readonly<Record<string, Act>> = {
  'pushed, changed and deleted': ({ server }) => {
    const notice = of('g1', 'push');
    return [
      notice(1n, BOTH),
      { push: server.keyFor('g1', 1n, BOTH) },
      notice(2n, [LOCK, SENSOR]),
      { push: server.keyFor('g1', 2n, [LOCK, SENSOR]) },
      { notice: { groupId: 'g1', revision: 3n, deleted: true } },
      { push: server.endOf('g1', 2n) },
    ];
  },
  'pushed before the notice': ({ server }) => [
    { push: server.keyFor('g1', 1n, BOTH) },
    { push: server.keyFor('g1', 2n, [LOCK]) },
    of('g1', 'push')(1n, BOTH),
    of('g1', 'push')(2n, [LOCK]),
  ],
  'ended at once before the notice': ({ server, clock }) => [
    of('g1', 'push')(1n, BOTH),
    { push: server.keyFor('g1', 1n, BOTH) },
    { push: server.delivery(server.statement('g1', 2n, { activateAt: clock.now() - 2 * GRACE_MS }), [LOCK]) },
    of('g1', 'push')(2n, [LOCK]),
  ],
  'joined by one whose envelope comes first': ({ server }) => [
    of('g1', 'push')(1n, BOTH),
    { push: server.keyFor('g1', 1n, BOTH) },
    { push: server.keyFor('g1', 1n, ALL) },
    { notice: { groupId: 'g1', revision: 2n, keyVersion: 1n, members: ALL } },
  ],
  pulled: () => [of('g1', 'pull')(1n, BOTH), of('g1', 'pull')(2n, [LOCK, SENSOR])],
};

const settle = async (world: GatewayWorld) => {
  world.server.answer = ({ groupId }) => world.server.keyFor(groupId, 2n, [LOCK, SENSOR]);
  const over = new AbortController();
  const running = world.requests.run(over.signal);
  await world.requestsDone();
  over.abort();
  await running;
};

const play = async (world: GatewayWorld, event: Event) =>
  'notice' in event ? world.notice(event.notice) : world.push(event.push);

/** All that the gateway knows of the group in the end. */
async function stateOf(world: GatewayWorld) {
  const { notice } = await world.groups.read(GROUP);
  return {
    revision: notice?.membershipRevision,
    deleted: notice?.deleted,
    statements: await world.versions(),
    members: await world.members(),
    groups: await Promise.all(ALL.map((entity) => world.groupsOf(entity))),
    held: await Promise.all([1n, 2n].map((version) => world.holds(version, ALL))),
    requests: await world.requestsOf(),
  };
}

/** The events come in order; the one during which the process died comes again. @returns undefined without a death */
async function liveThrough(act: Act, kill?: number) {
  const world = new GatewayWorld();
  await world.open();
  try {
    const events = act(world);
    let died = false;
    const mortal = kill === undefined ? undefined : failingStore(world.store, { at: kill, when: 'before' });
    if (mortal) await world.restart(() => mortal);
    for (const event of events) {
      try {
        await play(world, event);
      } catch (error) {
        if (mortal?.isKilled !== true || died) throw error;
        died = true;
        await world.restart();
        await play(world, event);
      }
    }
    if (mortal && !died) await world.restart();
    await settle(world);
    return { state: await stateOf(world), died: mortal?.isKilled ?? false };
  } finally {
    await world.close();
  }
}

describe.each(Object.keys(LIVES))('a group that is %s', (name) => {
  const act = LIVES[name]!;
  it('ends alike when the gateway is killed before any commit', async () => {
    const { state } = await liveThrough(act);
    let deaths = 0;
    for (let at = 1; ; at += 1) {
      const result = await liveThrough(act, at);
      if (!result.died) break;
      deaths += 1;
      expect({ at, ...result.state }).toEqual({ at, ...state });
    }
    expect(deaths).toBeGreaterThan(3);
  }, 120_000);
});
