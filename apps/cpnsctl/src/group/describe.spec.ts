import { GroupKeyDeliveryMode, GroupKeyVersionState, type GroupKeyStatus, type ServiceGroup } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { describeGroup, describeVersions, summarizeGroup } from './describe';
import { groupTable } from './group';
import { versionsTable } from './keys';

const group = (changes: Partial<ServiceGroup> = {}): ServiceGroup => ({
  description: {
    groupId: 'family',
    displayName: '',
    delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH,
    sealPeriod: 90_000n,
    updatePeriod: 0n,
    maxMembers: 1_000,
    openToJoin: true,
    activationDelay: 5_000n,
    joinWindow: 2_000n,
    preparedVersions: 0,
    joinKeepsVersion: false,
  },
  membershipRevision: 7n,
  descriptionRevision: 3n,
  suspended: ['cpns://pn1.td/pne/c'],
  members: ['cpns://pn2.td/pne/b', 'cpns://pn1.td/pne/a'],
  deleted: false,
  ...changes,
});

const version = (number: number, state: GroupKeyVersionState) => ({
  version: BigInt(number),
  state,
  activateAt: 1_000n,
  sealUntil: 0n,
  madeAt: number === 1 ? 0n : 500n,
  recipients: number,
  acknowledged: 1,
  waiting: number === 10 ? ['cpns://pn2.td/pn-gw/g'] : [],
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
      updatePeriod: 0,
      activationDelay: 5_000,
      joinWindow: 2_000,
      preparedVersions: 0,
      joinKeepsVersion: false,
      maxMembers: 1_000,
      openToJoin: true,
      membershipRevision: 7,
      descriptionRevision: 3,
      deleted: false,
      members: ['cpns://pn1.td/pne/a', 'cpns://pn2.td/pne/b'],
      suspended: ['cpns://pn1.td/pne/c'],
    });
    expect(summarizeGroup(group())).not.toHaveProperty('members');
  });

  it('is a table with a line per member and its Personal Network', () => {
    const table = groupTable(describeGroup(group({ deleted: true })));
    expect(table).toMatch(/state +│ deleted/);
    expect(table).toMatch(/members seal for +│ 1 min 30 s/);
    expect(table).toMatch(/members +│ 2 of at most 1000/);
    expect(table).toMatch(/renewed every +│ never by itself/);
    expect(table).toMatch(/made before its use by +│ 5 s/);
    expect(table).toMatch(/joins share a version for +│ 2 s/);
    expect(table).toMatch(/cpns:\/\/pn1\.td\/pne\/a +│ pn1\.td +│ member/);
    expect(table).toMatch(/cpns:\/\/pn1\.td\/pne\/c +│ pn1\.td +│ suspended/);
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
    expect(versions[0]).toEqual({
      version: 10,
      state: 'active',
      madeAt: '1970-01-01T00:00:00.500Z',
      activateAt: '1970-01-01T00:00:01.000Z',
      sealUntil: null,
      recipients: 10,
      acknowledged: 1,
      waiting: ['cpns://pn2.td/pn-gw/g'],
    });
    expect(versions[2]).toMatchObject({ madeAt: null, waiting: [] });
  });

  it('are a table, a line each', () => {
    const table = versionsTable(describeVersions(status), 61_000);
    expect(table).toMatch(/10 +│ active +│ 1970[^│]+│ 1970-01-01 00:00:01Z \(1 min ago\) +│ - +│ 10 +│ 1 /);
    expect(table).toMatch(/cpns:\/\/pn2\.td\/pn-gw\/g +│ 10 +│ 1970-01-01 00:00:00Z \(1 min 1 s ago\)/);
    expect(versionsTable(describeVersions(status), 61_000, false)).not.toContain('recipients');
    expect(versionsTable(describeVersions({ ...status, versions: [], deleted: true }), 0)).toMatch(/deleted[^]*none$/);
  });
});
