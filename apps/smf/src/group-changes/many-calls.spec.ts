import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { reasonOfAsync } from '@cpns/core/testing';
import { pne, PUSH, World } from '../testing/world';

// many processes on one machine
jest.setTimeout(30_000);

describe.each(['embedded', 'redis'])('many calls at once, on %s,', (kind) => {
  let redis: RunningRedis | undefined;
  const world = new World();
  let count = 0;
  beforeAll(async () => {
    if (kind === 'redis') redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  beforeEach(() => world.open(redis && `${redis.url}?prefix=smf-${count++}:`));
  afterEach(() => world.close());

  it('each get their revision, over two replicas, and none is lost', async () => {
    const [a, b] = [await world.replica(), await world.replica()];
    await a.create([], { maxMembers: 100 });
    const groups = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).add([pne(n)])));
    groups.forEach(({ members }, n) => expect(members).toContain(pne(n)));
    const { members, membershipRevision } = await b.get();
    expect(membershipRevision).toBe(41n);
    expect(members).toEqual(Array.from({ length: 40 }, (_, n) => pne(n)).sort());
    expect(world.server.recipients('g1')).toEqual(members);
    expect(world.server.groups.get('g1')).toMatchObject({ revision: 41n });
  });

  /** Calls that come while CSKMF has not answered the first: one that came after it would be another change. */
  const together = async <T>(calls: () => readonly Promise<T>[]): Promise<T[]> => {
    const release = world.server.hold();
    const answers = Promise.all(calls());
    await new Promise((resolve) => setTimeout(resolve, 200));
    release();
    return answers;
  };

  it('that are the same are one change', async () => {
    const [a, b] = [await world.replica(), await world.replica()];
    const made = await together(() => [a.create([pne(1)]), b.create([pne(1)]), a.create([pne(1)])]);
    expect(made.map(({ membershipRevision }) => membershipRevision)).toEqual([1n, 1n, 1n]);
    const added = await together(() => [a.add([pne(2), pne(3)]), b.add([pne(3), pne(2)]), a.add([pne(2), pne(3)])]);
    expect(added.map(({ membershipRevision }) => membershipRevision)).toEqual([2n, 2n, 2n]);
    expect(world.server.groups.get('g1')?.versions).toEqual([1n, 2n]);
  });

  it('never pass the limit', async () => {
    const [a, b] = [await world.replica(), await world.replica()];
    await a.create([], { maxMembers: 5 });
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, n) => reasonOfAsync((n % 2 ? a : b).add([pne(n)]))),
    );
    expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(5);
    expect(outcomes.filter((outcome) => outcome === 'LIMIT_REACHED')).toHaveLength(7);
    expect((await a.get()).members).toHaveLength(5);
  });

  it('of which one ends the group: the others come before it or are refused', async () => {
    const [a, b] = [await world.replica(), await world.replica()];
    await a.create([pne(0)]);
    const outcomes = await Promise.all([
      reasonOfAsync(a.add([pne(1)])),
      reasonOfAsync(b.end()),
      reasonOfAsync(b.add([pne(2)])),
      reasonOfAsync(a.end()),
    ]);
    expect([outcomes[1], outcomes[3]]).toEqual(['accepted', 'accepted']);
    for (const outcome of [outcomes[0], outcomes[2]]) expect(['accepted', 'GROUP_DELETED']).toContain(outcome);
    expect(await a.get()).toMatchObject({ deleted: true, members: [] });
    expect(world.server.groups.get('g1')?.deleted).toBe(true);
  });

  it('of which CSKMF refuses some: the others are made', async () => {
    const [a, b] = [await world.replica(), await world.replica()];
    for (let n = 0; n < 20; n += 4) world.server.withoutKey.add(pne(n));
    await a.create([], { delivery: PUSH });
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => reasonOfAsync((n % 2 ? a : b).add([pne(n)]))),
    );
    expect(outcomes).toEqual(Array.from({ length: 20 }, (_, n) => (n % 4 === 0 ? 'MEMBER_WITHOUT_KEY' : 'accepted')));
    expect(await a.get()).toMatchObject({ membershipRevision: 16n });
    expect(world.server.recipients('g1')).toHaveLength(15);
  });
});
