import { GroupKeyDeliveryMode, GroupKeyVersionState, type GroupKeyStatus, type ServiceGroup } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { describeGroup, describeVersions, summarizeGroup } from './describe';
import { groupTable, versionsTable } from './group';

const group = (changes: Partial<ServiceGroup> = {}): ServiceGroup => ({
  description: {
    groupId: 'family',
    displayName: '',
    delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH,
    sealPeriod: 90_000n,
    updatePeriod: 0n,
    maxMembers: 1_000,
    openToJoin: true,
  },
  membershipRevision: 7n,
  members: ['cpns://pn2.td/pne/b', 'cpns://pn1.td/pne/a'],
  deleted: false,
  ...changes,
});

const version = (number: number, state: GroupKeyVersionState) => ({
  version: BigInt(number),
  state,
  activateAt: 1_000n,
  sealUntil: 0n,
});

const status: GroupKeyStatus = {
  groupId: 'family',
  membershipRevision: 7n,
  deleted: false,
  versions: [
    version(1, GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED),
    version(2, GroupKeyVersionState.GROUP_KEY_VERSION_STATE_GRACE),
    version(10, GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE),
  ],
};

describe('a group', () => {
  it('is told in plain words and numbers that JSON holds', () => {
    expect(JSON.parse(JSON.stringify(describeGroup(group())))).toEqual({
      groupId: 'family',
      displayName: null,
      delivery: 'push',
      sealPeriod: 90_000,
      maxMembers: 1_000,
      openToJoin: true,
      membershipRevision: 7,
      deleted: false,
      members: ['cpns://pn1.td/pne/a', 'cpns://pn2.td/pne/b'],
    });
    expect(summarizeGroup(group())).not.toHaveProperty('members');
  });

  it('is a table with a line per member and its Personal Network', () => {
    const table = groupTable(describeGroup(group({ deleted: true })));
    expect(table).toMatch(/state +│ deleted/);
    expect(table).toMatch(/members seal for +│ 1 min 30 s/);
    expect(table).toMatch(/members +│ 2 of at most 1000/);
    expect(table).toMatch(/cpns:\/\/pn1\.td\/pne\/a +│ pn1\.td/);
  });

  it('shows a mode of a newer SMF as what it is', () => {
    const { description } = group();
    const newer = { ...description!, delivery: 9 as GroupKeyDeliveryMode };
    expect(summarizeGroup(group({ description: newer })).delivery).toBe('unknown (9)');
  });

  it.each([
    ['the group', () => describeGroup(undefined)],
    ['the description', () => describeGroup({ membershipRevision: 1n, members: [], deleted: false } as never)],
    ['the status', () => describeVersions(undefined)],
  ])('is a fault of the service when its answer lacks %s', (_, call) => {
    expect(call).toThrow(CpnsError);
    expect(call).toThrow(/answered without/);
  });
});

describe('the versions of a group’s key', () => {
  it('come the newest first, each in its state', () => {
    const { versions, ...rest } = describeVersions(status);
    expect(rest).toEqual({ groupId: 'family', membershipRevision: 7, deleted: false });
    expect(versions.map(({ version: number, state }) => [number, state])).toEqual([
      [10, 'active'],
      [2, 'grace'],
      [1, 'retired'],
    ]);
    expect(versions[0]).toMatchObject({ activateAt: '1970-01-01T00:00:01.000Z', sealUntil: null });
  });

  it('are a table, a line each', () => {
    const table = versionsTable(describeVersions(status), 61_000);
    expect(table).toMatch(/10 +│ active +│ 1970-01-01 00:00:01Z \(1 min ago\) +│ - /);
    expect(versionsTable(describeVersions({ ...status, versions: [], deleted: true }), 0)).toMatch(/deleted[^]*none$/);
  });
});
