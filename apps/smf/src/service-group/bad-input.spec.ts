/** What bad input an operator gets refused at the SMF, each RPC with each fault; nothing is stored. */
import { descriptionFaults, expectRefusal, memberFaults, refusalOf, type Fault } from '@cpns/platform/testing';
import type { ServiceGroupController } from './service-group.controller';
import { ANN, BOB, DAN, described, EVE, KEYLESS, LIMIT, within, World } from '../testing/world';

const world = new World();
beforeAll(() => world.open());
afterAll(() => world.dispose());

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
const keyless = <R extends { readonly members: string[] }>(): Fault<R>[] =>
  WITHOUT_KEY.map((who) => ({
    id: `a member that ${who}`,
    bad: (good) => ({ ...good, members: [ANN, KEYLESS].filter((one) => !good.members.includes(one)) }),
    expect: 'FAILED_PRECONDITION/MEMBER_WITHOUT_KEY',
    journal: TAKEN_BACK,
  }));
const NO_NAMES = {
  id: 'no names',
  bad: <R>(good: R) => ({ ...good, members: [] }),
  expect: 'INVALID_ARGUMENT/FIELD_MISSING members',
};

const create = () => ({ description: described({ groupId: world.freshId() }), members: [ANN, BOB] });
type Create = Parameters<ServiceGroupController['createServiceGroup']>[0];
const taken = (id: string, groupId: () => Promise<string>): Fault<Create> => ({
  id,
  bad: async () => ({ description: described({ groupId: await groupId() }), members: [ANN] }),
  expect: 'ALREADY_EXISTS/ALREADY_EXISTS',
});
world.refuses<Create>({
  name: 'CreateServiceGroup',
  good: create,
  send: (request) => world.smf.groups.createServiceGroup(request, within()),
  faults: [
    ...descriptionFaults<Create>(),
    ...memberFaults<Create>(),
    ...keyless<Create>(),
    taken('id of a group that is there', world.group),
    taken('id of a group that was deleted', world.ended),
    {
      id: 'more first members than it may have',
      bad: ({ members: both }) => ({
        description: described({ groupId: world.freshId(), maxMembers: 1 }),
        members: both,
      }),
      expect: LIMIT,
    },
  ],
});

const named = async (one: string) => ({ groupId: await world.group([ANN, BOB], { maxMembers: 3 }), members: [one] });
type Named = Parameters<ServiceGroupController['addMembers']>[0];
world.refuses<Named>({
  name: 'AddMembers',
  good: () => named(EVE),
  send: (request) => world.smf.groups.addMembers(request, within()),
  faults: [
    ...world.faultsOfGroup<Named>(),
    ...memberFaults<Named>(),
    NO_NAMES,
    ...keyless<Named>(),
    { id: 'one member too many', bad: (good) => ({ ...good, members: [EVE, DAN] }), expect: LIMIT },
  ],
});
const stranger = (how: string, names: string[]): Fault<Named> => ({
  id: `a stranger ${how}`,
  bad: (good) => ({ ...good, members: names }),
  expect: 'FAILED_PRECONDITION/MEMBER_UNKNOWN',
});
world.refuses<Named>({
  name: 'RemoveMembers',
  good: () => named(ANN),
  send: (request) => world.smf.groups.removeMembers(request, within()),
  faults: [
    ...world.faultsOfGroup<Named>(),
    ...memberFaults<Named>(),
    NO_NAMES,
    stranger('alone', [EVE]),
    stranger('beside a member', [BOB, EVE]),
  ],
});

const there = async () => ({ groupId: await world.group() });
world.refuses<{ readonly groupId: string }>({
  name: 'GetServiceGroup',
  good: there,
  send: (request) => world.smf.groups.getServiceGroup(request),
  faults: world.faultsOfGroup(false),
});
world.refuses<{ readonly groupId: string }>({
  name: 'DeleteServiceGroup',
  good: there,
  send: (request) => world.smf.groups.deleteServiceGroup(request, within()),
  faults: world.faultsOfGroup(false),
});
world.refuses({
  name: 'ListServiceGroups',
  good: () => ({ pageSize: 1, pageToken: '' }),
  send: (request) => world.smf.groups.listServiceGroups(request),
  faults: [
    {
      id: 'a page of 1,001',
      bad: (good) => ({ ...good, pageSize: 1_001 }),
      expect: 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE',
    },
    {
      id: 'a page token that was not given out',
      bad: (good) => ({ ...good, pageToken: '\n' }),
      expect: 'INVALID_ARGUMENT/PAGE_TOKEN_INVALID',
    },
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
