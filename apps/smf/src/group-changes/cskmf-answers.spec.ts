import { CpnsError } from '@cpns/core';
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { pne, type Replica, within, World } from '../testing/world';

// many processes on one machine
jest.setTimeout(30_000);

describe('CSKMF', () => {
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(() => ({ smf } = world));

  it('refuses: the caller learns the reason and what it is about, and all is as before', async () => {
    await smf.create([pne(1)]);
    const before = await smf.get();
    world.server.withoutKey.add(pne(3));
    await expect(smf.add([pne(2), pne(3)])).rejects.toMatchObject({
      reason: 'MEMBER_WITHOUT_KEY',
      metadata: { entity: pne(3) },
    });
    expect(await smf.get()).toEqual(before);
    world.server.withoutKey.clear();
    expect(await smf.add([pne(2), pne(3)])).toMatchObject({ membershipRevision: 2n });
  });

  it('refuses a new group: its id is free', async () => {
    world.server.withoutKey.add(pne(1));
    expect(await reasonOfAsync(smf.create([pne(1)]))).toBe('MEMBER_WITHOUT_KEY');
    expect(await reasonOfAsync(smf.get())).toBe('NOT_FOUND');
    expect((await smf.list()).groups).toEqual([]);
    expect(await smf.create([pne(2)], { openToJoin: true })).toMatchObject({ membershipRevision: 1n });
  });

  it('refuses the end of a group: it lives on', async () => {
    await smf.create([pne(1)]);
    world.server.refusal = new CpnsError('LIMIT_REACHED', 'refused');
    expect(await reasonOfAsync(smf.end())).toBe('LIMIT_REACHED');
    world.server.refusal = undefined;
    expect(await smf.add([pne(2)])).toMatchObject({ membershipRevision: 2n, deleted: false });
  });

  it.each<[string, (smf: Replica) => Promise<unknown>]>([
    ['a new group', (smf) => smf.create([pne(1)], { groupId: 'new' }, within(3_000))],
    ['new members', (smf) => smf.add([pne(2)], within(3_000))],
    ['the end', (smf) => smf.end(within(3_000))],
  ])('is away before %s is proposed: nothing is changed', async (_what, attempt) => {
    await smf.create([pne(1)]);
    world.server.away = true;
    expect(await reasonOfAsync(attempt(smf))).toBe('DEPENDENCY_UNAVAILABLE');
    world.server.away = false;
    expect(await smf.get()).toMatchObject({ membershipRevision: 1n, members: [pne(1)], deleted: false });
    expect((await smf.list()).groups).toHaveLength(1);
    await world.rest();
  });

  it('is away: what needs no change is answered all the same', async () => {
    await smf.create([pne(1)]);
    world.server.away = true;
    expect(await smf.add([pne(1)])).toMatchObject({ membershipRevision: 1n });
    expect(await reasonOfAsync(smf.remove([pne(2)]))).toBe('MEMBER_UNKNOWN');
    expect(await smf.get()).toMatchObject({ members: [pne(1)] });
  });

  it('goes away after the proposal: the call fails in time, the change is made once it is back', async () => {
    await smf.create([pne(1)]);
    world.server.stuck = true;
    expect(await reasonOfAsync(smf.add([pne(2)], within(2_000)))).toBe('DEPENDENCY_UNAVAILABLE');
    // another change has to wait for it
    expect(await reasonOfAsync(smf.add([pne(3)], within(2_000)))).toBe('DEPENDENCY_UNAVAILABLE');
    expect(await smf.get()).toMatchObject({ membershipRevision: 1n, members: [pne(1)] });
    world.server.stuck = false;
    expect(await smf.add([pne(2)])).toMatchObject({ membershipRevision: 2n, members: [pne(1), pne(2)] });
    expect(world.server.requests).toEqual(['create g1', 'update g1']);
  });

  it('is slow: the call fails in time, the change is made', async () => {
    await smf.create([pne(1)]);
    const release = world.server.hold();
    expect(await reasonOfAsync(smf.add([pne(2)], within(2_000)))).toBe('DEPENDENCY_UNAVAILABLE');
    release();
    expect(await smf.add([pne(2)])).toMatchObject({ membershipRevision: 2n });
    expect(world.server.requests.filter((request) => request === 'update g1')).toHaveLength(1);
  });

  it.each([1, 3])('loses %i answers: the caller waits, the change is made once', async (count) => {
    await smf.create([pne(1)]);
    world.server.lose = count;
    expect(await smf.add([pne(2)])).toMatchObject({ membershipRevision: 2n, members: [pne(1), pne(2)] });
    expect(world.server.requests.filter((request) => request === 'update g1')).toHaveLength(count + 1);
    expect(world.server.groups.get('g1')?.versions).toEqual([1n, 2n]);
  });

  it('is away for longer than a caller has patience: the change is made all the same', async () => {
    await smf.create([pne(1)]);
    world.server.stuck = true;
    const began = Date.now();
    expect(await reasonOfAsync(smf.add([pne(2)]))).toBe('DEPENDENCY_UNAVAILABLE');
    expect(Date.now() - began).toBeLessThan(10_000);
    world.server.stuck = false;
    await eventually(async () => expect(await smf.get()).toMatchObject({ membershipRevision: 2n }));
  });

  it('is slow while the service stops: its answer is taken before the connection is closed', async () => {
    await smf.create([pne(1)]);
    const release = world.server.hold();
    const adding = smf.add([pne(2)]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const stopped = smf.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(world.server.closed).toBe(0);
    release();
    await stopped;
    expect(world.server.closed).toBe(1);
    expect(await adding).toMatchObject({ membershipRevision: 2n });
  });

  it('a caller that goes away takes nothing back', async () => {
    await smf.create([pne(1)]);
    const release = world.server.hold();
    const gone = new AbortController();
    const call = within(5_000, undefined, gone.signal);
    const adding = reasonOfAsync(smf.add([pne(2)], call));
    await new Promise((resolve) => setTimeout(resolve, 100));
    gone.abort(new CpnsError('CALL_CANCELLED', 'the caller went away'));
    expect(await adding).toBe('CALL_CANCELLED');
    release();
    expect(await smf.add([pne(2)])).toMatchObject({ membershipRevision: 2n });
    expect(world.server.requests.filter((request) => request === 'update g1')).toHaveLength(1);
  });
});
