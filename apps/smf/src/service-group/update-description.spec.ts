import { CpnsError } from '@cpns/core';
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { ANN, BOB, EVE, type Replica, within, World } from '../testing/world';

jest.setTimeout(30_000);

describe('the parameters of a group', () => {
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(async () => {
    ({ smf } = world);
    await smf.create([ANN, BOB]);
  });

  it('change as far as the mask says, at CSKMF too, and its members and its key stay', async () => {
    const before = await smf.get();
    const group = await smf.update(['display_name', 'max_members'], { displayName: 'new', maxMembers: 7 }, 1n);
    const description = { ...before.description, displayName: 'new', maxMembers: 7 };
    expect(group).toMatchObject({ description, descriptionRevision: 2n, membershipRevision: 1n });
    expect(await smf.get()).toEqual({ ...before, description, descriptionRevision: 2n });
    expect(world.server.groups.get('g1')).toMatchObject({ description, descriptionRevision: 2n, versions: [1n] });
    await smf.update(['update_period'], { updatePeriod: 3_600_000n, displayName: 'ignored' }, 2n);
    expect(await smf.get()).toMatchObject({ description: { ...description, updatePeriod: 3_600_000n } });
    expect(world.server.requests).toEqual(['create g1', 'describe g1', 'describe g1']);
    await world.rest();
    expect((await smf.add([EVE])).membershipRevision).toBe(2n);
  });

  it('change once, on the revision that the caller saw', async () => {
    const mask = ['display_name'];
    const release = world.server.hold();
    const same = [smf, await world.replica()].map((replica) => replica.update(mask, { displayName: 'one' }, 1n));
    await eventually(async () => expect(await world.outboxOf()).toHaveLength(1));
    const other = reasonOfAsync(smf.update(mask, { displayName: 'two' }, 1n));
    await new Promise((resolve) => setTimeout(resolve, 200));
    release();
    expect((await Promise.all(same)).map(({ descriptionRevision }) => descriptionRevision)).toEqual([2n, 2n]);
    expect(await other).toBe('REVISION_STALE');
    await expect(smf.update(mask, { displayName: 'two' }, 1n)).rejects.toMatchObject({
      metadata: { description_revision: '2' },
    });
    expect(world.server.groups.get('g1')).toMatchObject({
      descriptionRevision: 2n,
      description: { displayName: 'one' },
    });
  });

  it('stay as they are where CSKMF refuses', async () => {
    const before = await smf.get();
    world.server.refusal = new CpnsError('FIELD_OUT_OF_RANGE', 'too short', { metadata: { field: 'update_period' } });
    const change = () => smf.update(['update_period'], { updatePeriod: 70_000n }, 1n);
    await expect(change()).rejects.toMatchObject({
      reason: 'FIELD_OUT_OF_RANGE',
      metadata: { field: 'update_period' },
    });
    expect(await smf.get()).toEqual(before);
    world.server.refusal = undefined;
    expect((await change()).descriptionRevision).toBe(2n);
  });

  it('are not changed while CSKMF is away', async () => {
    world.server.away = true;
    const change = () => smf.update(['open_to_join'], { openToJoin: true }, 1n, within(2_000));
    expect(await reasonOfAsync(change())).toBe('DEPENDENCY_UNAVAILABLE');
    world.server.away = false;
    expect((await smf.get()).descriptionRevision).toBe(1n);
    await change();
    expect(await smf.join(EVE)).toBe(2n);
  });

  it('may allow fewer members than there are: none is added, and each may leave', async () => {
    await smf.update(['max_members'], { maxMembers: 1 }, 1n);
    expect(await reasonOfAsync(smf.add([EVE]))).toBe('LIMIT_REACHED');
    expect(await smf.leave(BOB)).toBe(2n);
  });
});
