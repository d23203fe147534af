/** What bad input an operator gets refused at the SMF, each RPC with each fault; nothing is stored. */
import type { GroupDescription } from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import {
  DESCRIPTION_FAULTS,
  expectRefusal,
  MEMBER_FAULTS,
  refusalOf,
  type Fault,
  type OfGroup,
  type WithMembers,
} from '@cpns/platform/testing';
import type { ServiceGroupController } from './service-group.controller';
import { ANN, BOB, DAN, described, EVE, KEYLESS, LIMIT, within, World } from '../testing/world';

const world = perFile(new World());

const WITHOUT_KEY = [
  'was never admitted',
  'was admitted and has no key',
  'has a key that was assigned and not registered',
  'has a key that was revoked',
];
/** The proposal is taken back; the reason is kept for ten minutes for a repeated call. */
const TAKEN_BACK =
  /^service-group\/[\w-]+ (group was changed|refusal\.[0-9a-f]{32} was added|log outbox was (added|changed))$/;
/** CSKMF says why a member has no live key; here it is one refusal that is handed on. */
const KEYLESS_FAULTS = WITHOUT_KEY.map((who): Fault<WithMembers> => [
  `a member that ${who}`,
  ({ members }) => ({ members: [ANN, KEYLESS].filter((one) => !members.includes(one)) }),
  'FAILED_PRECONDITION/MEMBER_WITHOUT_KEY',
  TAKEN_BACK,
]);
const NO_NAMES: Fault<WithMembers> = ['no names', { members: [] }, 'INVALID_ARGUMENT/FIELD_MISSING members'];

const create = () => ({ description: described({ groupId: world.freshId() }), members: [ANN, BOB] });
type Create = Parameters<ServiceGroupController['createServiceGroup']>[0];
const taken = (id: string, groupId: () => Promise<string>): Fault<Create> => [
  id,
  async () => ({ description: described({ groupId: await groupId() }), members: [ANN] }),
  'ALREADY_EXISTS/ALREADY_EXISTS',
];
world.refuses<Create>({
  name: 'CreateServiceGroup',
  good: create,
  send: (request) => world.smf.groups.createServiceGroup(request, within()),
  faults: [
    ...DESCRIPTION_FAULTS,
    ...MEMBER_FAULTS,
    ...KEYLESS_FAULTS,
    taken('id of a group that is there', world.group),
    taken('id of a group that was deleted', world.ended),
    [
      'more first members than it may have',
      () => ({ description: described({ groupId: world.freshId(), maxMembers: 1 }) }),
      LIMIT,
    ],
  ],
});

const named = async (one: string) => ({ groupId: await world.group([ANN, BOB], { maxMembers: 3 }), members: [one] });
type Named = Parameters<ServiceGroupController['addMembers']>[0];
world.refuses<Named>({
  name: 'AddMembers',
  good: () => named(EVE),
  send: (request) => world.smf.groups.addMembers(request, within()),
  faults: [
    ...world.ofLiveGroup,
    ...MEMBER_FAULTS,
    NO_NAMES,
    ...KEYLESS_FAULTS,
    ['one member too many', { members: [EVE, DAN] }, LIMIT],
  ],
});
const UNKNOWN = 'FAILED_PRECONDITION/MEMBER_UNKNOWN';
world.refuses<Named>({
  name: 'RemoveMembers',
  good: () => named(ANN),
  send: (request) => world.smf.groups.removeMembers(request, within()),
  faults: [
    ...world.ofLiveGroup,
    ...MEMBER_FAULTS,
    NO_NAMES,
    ['a stranger alone', { members: [EVE] }, UNKNOWN],
    ['a stranger beside a member', { members: [BOB, EVE] }, UNKNOWN],
  ],
});

const there = async () => ({ groupId: await world.group() });
world.refuses<OfGroup>({
  name: 'GetServiceGroup',
  good: there,
  send: (request) => world.smf.groups.getServiceGroup(request),
  faults: world.ofGroup,
});
world.refuses<OfGroup>({
  name: 'DeleteServiceGroup',
  good: there,
  send: (request) => world.smf.groups.deleteServiceGroup(request, within()),
  faults: world.ofGroup,
});
type Update = OfGroup & {
  readonly mask: string[];
  readonly expected: bigint;
  readonly change: Partial<GroupDescription>;
};
const ofMask = (id: string, path: string): Fault<Update> => [
  id,
  { mask: [path] },
  'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE update_mask',
];
/** The whole description is checked as it would be. */
const inUpdate = (id: string, path: string, change: Partial<GroupDescription>): Fault<Update> => [
  id,
  { mask: [path], change },
  `INVALID_ARGUMENT/FIELD_OUT_OF_RANGE ${path}`,
];
world.refuses<Update>({
  name: 'UpdateServiceGroup',
  good: async () => ({
    groupId: await world.group(),
    mask: ['display_name', 'seal_period'],
    expected: 1n,
    change: { displayName: 'new', sealPeriod: 120_000n },
  }),
  send: ({ groupId, mask, expected, change }) =>
    world.smf.groups.updateServiceGroup(
      { description: described({ groupId, ...change }), updateMask: mask, expectedRevision: expected },
      within(),
    ),
  faults: [
    ...world.ofLiveGroup,
    ['a mask that names no field', { mask: [] }, 'INVALID_ARGUMENT/FIELD_MISSING update_mask'],
    ofMask('the id, which stays', 'group_id'),
    ofMask('the mode of delivery, which stays', 'delivery'),
    ofMask('no field of a description', 'members'),
    ofMask('a name that every object has', 'toString'),
    ['no expected revision', { expected: 0n }, 'INVALID_ARGUMENT/FIELD_MISSING expected_revision'],
    ['a stale revision', { expected: 2n }, 'FAILED_PRECONDITION/REVISION_STALE'],
    inUpdate('a join window in a group that pulls', 'join_window', { joinWindow: 1_000n }),
    inUpdate('an update period without time for grace', 'update_period', { updatePeriod: 60_000n }),
    inUpdate('versions prepared by time where no time is set', 'prepared_versions', { preparedVersions: 3 }),
    inUpdate('more members than a group may have', 'max_members', { maxMembers: 100_001 }),
  ],
});

world.refuses({
  name: 'ListMemberships',
  good: () => ({ entity: ANN, pageSize: 1, pageToken: '' }),
  send: (request) => world.smf.groups.listMemberships(request),
  faults: [
    ['an empty E', { entity: '' }, 'INVALID_ARGUMENT/FIELD_MISSING entity'],
    ['an E of another trust domain', { entity: 'cpns://pn1.other.example/pne/lamp' }, 'PERMISSION_DENIED/TRUST_DOMAIN'],
    ['a page of 1,001', { pageSize: 1_001 }, 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE page_size'],
    ['a page token that was not given out', { pageToken: '\n' }, 'INVALID_ARGUMENT/PAGE_TOKEN_INVALID'],
  ],
});

world.refuses({
  name: 'ListServiceGroups',
  good: () => ({ pageSize: 1, pageToken: '' }),
  send: (request) => world.smf.groups.listServiceGroups(request),
  faults: [
    ['a page of 1,001', { pageSize: 1_001 }, 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE'],
    ['a page token that was not given out', { pageToken: '\n' }, 'INVALID_ARGUMENT/PAGE_TOKEN_INVALID'],
  ],
});

it('does not make the same group once more', async () => {
  const request = create();
  await world.smf.groups.createServiceGroup(request, within());
  await world.rest(request.description.groupId);
  await expectRefusal(
    world.store,
    () => world.smf.groups.createServiceGroup(request, within()),
    'ALREADY_EXISTS/ALREADY_EXISTS',
  );
});

it.each([
  ['CreateServiceGroup', () => world.smf.groups.createServiceGroup({ ...create(), members: [KEYLESS] }, within())],
  ['AddMembers', async () => world.smf.groups.addMembers(await named(KEYLESS), within())],
  ['RemoveMembers', async () => world.smf.groups.removeMembers(await named(EVE), within())],
] as const)('is told by %s which member it is about', async (name, send) => {
  expect((await refusalOf(send)).metadata).toMatchObject({ entity: name === 'RemoveMembers' ? EVE : KEYLESS });
});
