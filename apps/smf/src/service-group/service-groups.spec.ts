import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { pne, type Replica, within, World } from '../testing/world';

// many processes on one machine
jest.setTimeout(30_000);

describe('Service Groups', () => {
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(() => ({ smf } = world));

  it('are made with their first members at revision 1, and their Group Key with them', async () => {
    const group = await smf.create([pne(2), pne(1)], { maxMembers: 5 });
    expect(group).toMatchObject({ membershipRevision: 1n, members: [pne(1), pne(2)], deleted: false });
    expect(group.description).toMatchObject({ groupId: 'g1', maxMembers: 5 });
    expect(world.server.recipients('g1')).toEqual([pne(1), pne(2)]);
    expect(await smf.get()).toEqual(group);
  });

  it('may begin with nobody, and take the default for what was not said', async () => {
    const group = await smf.create([]);
    expect(group).toMatchObject({ membershipRevision: 1n, members: [], description: { maxMembers: 1_000 } });
  });

  it('change with each change of members, and not without', async () => {
    await smf.create([pne(1)]);
    expect((await smf.add([pne(3), pne(2)])).membershipRevision).toBe(2n);
    expect((await smf.add([pne(2), pne(3)])).membershipRevision).toBe(2n);
    expect(await smf.remove([pne(1), pne(2)])).toMatchObject({ membershipRevision: 3n, members: [pne(3)] });
    expect((await smf.remove([pne(1)])).membershipRevision).toBe(3n);
    expect(world.server.requests).toEqual(['create g1', 'update g1', 'update g1']);
    expect(world.server.recipients('g1')).toEqual([pne(3)]);
  });

  it('end for good', async () => {
    await smf.create([pne(1)]);
    expect(await smf.end()).toMatchObject({ deleted: true, members: [], membershipRevision: 2n });
    expect(await smf.end()).toMatchObject({ deleted: true, membershipRevision: 2n });
    expect(await smf.get()).toMatchObject({ deleted: true, members: [] });
    expect(world.server.requests).toEqual(['create g1', 'delete g1']);
    expect(await reasonOfAsync(smf.create([pne(1)]))).toBe('ALREADY_EXISTS');
    for (const change of [smf.add([pne(1)]), smf.remove([pne(1)]), smf.join(pne(1)), smf.leave(pne(1))])
      expect(await reasonOfAsync(change)).toBe('GROUP_DELETED');
  });

  it('are listed without members, those that have ended too, a page at a time', async () => {
    for (const groupId of ['a', 'b', 'c']) await smf.create([pne(1)], { groupId });
    await smf.end(within(), 'b');
    const first = await smf.list(2);
    const second = await smf.list(2, first.nextPageToken);
    const seen = [...first.groups, ...second.groups];
    expect(seen.map(({ description, deleted, members }) => [description?.groupId, deleted, members.length])).toEqual([
      ['a', false, 0],
      ['b', true, 0],
      ['c', false, 0],
    ]);
    expect(second.nextPageToken).toBe('');
    expect(await reasonOfAsync(smf.list(1_001))).toBe('FIELD_OUT_OF_RANGE');
  });

  it('are found by a member, a page at a time', async () => {
    for (const groupId of ['a', 'b', 'c', 'd']) await smf.create([pne(1), pne(2)], { groupId });
    await smf.end(within(), 'b');
    await smf.remove([pne(1)], within(), 'c');
    const page = (pageToken: string) => smf.groups.listMemberships({ entity: pne(1), pageSize: 1, pageToken });
    const seen: string[] = [];
    let token = '';
    do {
      const { memberships, nextPageToken } = await page(token);
      seen.push(...memberships.map(({ groupId }) => groupId));
      token = nextPageToken;
    } while (token !== '');
    expect(seen).toEqual(['a', 'd']);
    expect(await smf.memberships(pne(2))).toEqual(['a', 'c', 'd']);
    expect(await smf.memberships(pne(3))).toEqual([]);
  });

  it('hold a thousand new members, who come from as many PNs, in one change', async () => {
    const crowd = Array.from({ length: 1_000 }, (_, n) => pne(n, `pn${n}`)).sort();
    await smf.create(crowd);
    await smf.remove(crowd);
    expect(await smf.add(crowd)).toMatchObject({ membershipRevision: 3n, members: crowd });
    expect(world.server.recipients('g1')).toEqual(crowd);
  });

  describe('that are open', () => {
    beforeEach(() => smf.create([pne(1)], { openToJoin: true }));

    it('let entities come and go by themselves', async () => {
      expect(await smf.join(pne(2))).toBe(2n);
      expect(await smf.join(pne(2))).toBe(2n);
      expect(await smf.leave(pne(2))).toBe(3n);
      expect(await smf.leave(pne(2))).toBe(3n);
      expect(await smf.leave(pne(77))).toBe(3n);
      expect(await smf.join(pne(2))).toBe(4n);
    });

    it('let a gateway be a member like any other entity of its PN', async () => {
      expect(await smf.join('cpns://pn1.td.example/pn-gw/gw2', 'cpns://pn1.td.example/pn-gw/gw1')).toBe(2n);
    });

    it('keep out whom an operator removed, member or not, until an operator lets it in', async () => {
      await smf.join(pne(2));
      await smf.remove([pne(2)]);
      expect(await reasonOfAsync(smf.join(pne(2)))).toBe('JOIN_NOT_PERMITTED');
      await smf.leave(pne(1));
      expect(await smf.remove([pne(1)])).toMatchObject({ membershipRevision: 4n });
      expect(await reasonOfAsync(smf.join(pne(1)))).toBe('JOIN_NOT_PERMITTED');
      await smf.add([pne(1), pne(2)]);
      expect(await smf.leave(pne(1))).toBe(6n);
      expect(await smf.join(pne(1))).toBe(7n);
    });

    it('are left by members of a closed one too', async () => {
      await smf.create([pne(1)], { groupId: 'closed' });
      expect(await smf.leave(pne(1), undefined, 'closed')).toBe(2n);
      expect(await reasonOfAsync(smf.join(pne(1), undefined, 'closed'))).toBe('JOIN_NOT_PERMITTED');
    });
  });
});
