import {
  GroupKeyManagementServiceService,
  GroupKeyVersionState,
  ServiceGroupServiceService,
  type GetGroupKeyStatusRequest,
  type GroupKeyStatus,
  type RotateGroupKeyRequest,
  type ServiceGroup,
  type UpdateServiceGroupRequest,
} from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import { implement } from '@cpns/grpc';
import { FakeServices } from '../testing/fake-services';
import { descriptionOf } from './parameters';

const status: GroupKeyStatus = {
  groupId: 'family',
  versions: [
    {
      version: 2n,
      state: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE,
      activateAt: 1_000n,
      sealUntil: 9_000n,
      madeAt: 1_000n,
      recipients: 3,
      acknowledged: 1,
      waiting: ['cpns://pn2.home.example/pn-gw/gw'],
    },
  ],
  membershipRevision: 2n,
  deleted: false,
};
const group: ServiceGroup = {
  description: descriptionOf('family', { delivery: 'push' }),
  membershipRevision: 2n,
  descriptionRevision: 7n,
  members: [],
  suspended: [],
  deleted: false,
};
const looked: GetGroupKeyStatusRequest[] = [];
const rotated: RotateGroupKeyRequest[] = [];
const updated: UpdateServiceGroupRequest[] = [];

const { getGroupKeyStatus, rotateGroupKey } = GroupKeyManagementServiceService;
const { getServiceGroup, updateServiceGroup } = ServiceGroupServiceService;
const services = perFile(
  new FakeServices({
    'cpns-server': [
      implement(
        { getGroupKeyStatus, rotateGroupKey },
        {
          getGroupKeyStatus: (request) => Promise.resolve({ status, given: [BigInt(looked.push(request))] }),
          rotateGroupKey: (request) => Promise.resolve({ status: rotated.push(request) > 0 ? status : undefined }),
        },
      ),
    ],
    smf: [
      implement(
        { getServiceGroup, updateServiceGroup },
        {
          getServiceGroup: () => Promise.resolve({ group }),
          updateServiceGroup: (request) => Promise.resolve({ group: updated.push(request) > 0 ? group : undefined }),
        },
      ),
    ],
  }),
);
beforeEach(() => [looked, rotated, updated].forEach((list) => list.splice(0)));

describe('group versions', () => {
  it('asks for recipients, and shows who has not acknowledged, since when', async () => {
    const { code, out } = await services.cpnsctl(['group', 'versions', 'family']);
    expect([code, looked]).toEqual([0, [{ groupId: 'family', entity: '', withRecipients: true }]]);
    expect(out).toMatch(
      /2 +│ active[^]*│ 3 +│ 1 [^]*cpns:\/\/pn2\.home\.example\/pn-gw\/gw +│ 2 +│ 1970-01-01 00:00:01Z/,
    );
  });
});

describe('group rotate', () => {
  it.each([
    [[], false],
    [['--emergency'], true],
  ])('with %j asks for it once', async (options, emergency) => {
    expect(await services.json(['group', 'rotate', 'family', ...options, '--yes'])).toMatchObject({
      groupId: 'family',
      versions: [{ version: 2, state: 'active' }],
    });
    expect(rotated).toMatchObject([{ groupId: 'family', emergency }]);
    expect(rotated[0]!.requestId).toHaveLength(16);
  });

  it('says at a terminal what an emergency costs, and does nothing without a yes', async () => {
    const { code, asked } = await services.cpnsctl(['group', 'rotate', 'family', '--emergency'], 'n');
    expect([code, rotated]).toEqual([64, []]);
    expect(asked[0]).toContain('refuse every older version');
  });
});

describe('group update', () => {
  it('changes what is given, on the revision that is there', async () => {
    await services.json(['group', 'update', 'family', '--update-period', '1h', '--no-open-to-join']);
    expect(updated).toMatchObject([
      {
        description: { groupId: 'family', updatePeriod: 3_600_000n, openToJoin: false },
        updateMask: ['update_period', 'open_to_join'],
        expectedRevision: 7n,
      },
    ]);
  });

  it('or on the revision that is named', async () => {
    await services.json(['group', 'update', 'family', '--join-window', 'none', '--expected-revision', '3']);
    expect(updated).toMatchObject([{ updateMask: ['join_window'], expectedRevision: 3n }]);
  });
});
