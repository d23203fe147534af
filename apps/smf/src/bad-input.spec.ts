/** What bad input gets at the SMF, each RPC with each fault: refused as documented, and nothing is stored. */
import type { ServiceGroup } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import { eventually } from '@cpns/delivery/testing';
import { ServerCallContext, type CallContext, type Peer } from '@cpns/grpc';
import {
  descriptionFaults,
  expectRefusal,
  groupIdFaults,
  memberFaults,
  ONE_OF_EACH,
  refusesBadInput,
  refusalOf,
  type BadInput,
  type Described,
  type Fault,
} from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { MembershipController } from './membership/membership.controller';
import { ServiceGroupController } from './service-group/service-group.controller';
import { described, gatewayOf, pne, World, type Replica } from './testing/world';

const AT = 'SMF certificate';
const GATEWAY = gatewayOf('pn1');
const [ANN, BOB, EVE, DAN] = [pne(1), pne(2), pne(3), pne(4)];
const KEYLESS = pne(9);
const CERTIFICATE = Buffer.alloc(32, 1);

let world: World;
let groups: ServiceGroupController;
let members: MembershipController;
let smf: Replica;
let count = 0;
const freshId = () => `group-${++count}`;

beforeAll(async () => {
  world = await World.create();
  world.server.gateways.set(GATEWAY, CERTIFICATE);
  world.server.withoutKey.add(KEYLESS);
  smf = await world.replica();
  groups = smf.module.get(ServiceGroupController);
  members = smf.module.get(MembershipController);
});
afterAll(() => world.dispose());

/** A call of the gateway, or of an operator, of whom the use cases ask nothing. */
function call(milliseconds = 20_000): CallContext {
  const receivedAt = Date.now();
  const { signal } = new AbortController();
  const { logger } = world.log;
  const context = new ServerCallContext({
    method: '',
    deadline: receivedAt + milliseconds,
    receivedAt,
    signal,
    logger,
  });
  const name = parseEntityUri(GATEWAY);
  context.peer = { uri: GATEWAY, name, role: 'pn-gw', fingerprint: CERTIFICATE } as Partial<Peer> as Peer;
  return context;
}

/** A group of its own, once all of it is carried out. @returns its id */
async function group(of: readonly string[] = [ANN, BOB], change: Parameters<typeof described>[0] = {}) {
  const description = described({ groupId: freshId(), openToJoin: true, ...change });
  await groups.createServiceGroup({ description, members: [...of] }, call());
  await rest(description.groupId);
  return description.groupId;
}
const rest = (groupId: string) => eventually(async () => expect(await world.outboxOf(groupId)).toEqual([]));

async function ended(of?: readonly string[]) {
  const groupId = await group(of);
  await groups.deleteServiceGroup({ groupId }, call());
  await rest(groupId);
  return groupId;
}

const refuses = <R>(input: Omit<BadInput<R>, 'at'>) =>
  refusesBadInput(() => world.store, {
    ...input,
    at: AT,
    send: async (request) => {
      await input.send(request);
      const { groupId, description } = request as { readonly groupId?: string } & Described;
      const changed = groupId ?? description?.groupId;
      if (changed !== undefined) await rest(changed);
    },
  });

/** Of each RPC that names a group. */
interface OfGroup {
  readonly groupId: string;
}
const ofGroup = <R extends OfGroup>(answersDeleted: boolean): Fault<R>[] => [
  ...groupIdFaults<R>(ONE_OF_EACH),
  { id: 'unknown group', bad: (good) => ({ ...good, groupId: freshId() }), expect: 'NOT_FOUND/NOT_FOUND' },
  ...(answersDeleted
    ? []
    : [
        {
          id: 'deleted group',
          bad: async (good: R) => ({ ...good, groupId: await ended() }),
          expect: 'FAILED_PRECONDITION/GROUP_DELETED',
        },
      ]),
];

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
const LIMIT = 'RESOURCE_EXHAUSTED/LIMIT_REACHED members';
const NO_NAMES = {
  id: 'no names',
  bad: <R>(good: R) => ({ ...good, members: [] }),
  expect: 'INVALID_ARGUMENT/FIELD_MISSING members',
};

describe('an operator', () => {
  const create = () => ({ description: described({ groupId: freshId() }), members: [ANN, BOB] });
  type Create = Parameters<ServiceGroupController['createServiceGroup']>[0];
  const taken = (id: string, groupId: () => Promise<string>): Fault<Create> => ({
    id,
    bad: async () => ({ description: described({ groupId: await groupId() }), members: [ANN] }),
    expect: 'ALREADY_EXISTS/ALREADY_EXISTS',
  });
  refuses<Create>({
    name: 'CreateServiceGroup',
    good: create,
    send: (request) => groups.createServiceGroup(request, call()),
    faults: [
      ...descriptionFaults<Create>(),
      ...memberFaults<Create>(),
      ...keyless<Create>(),
      taken('id of a group that is there', group),
      taken('id of a group that was deleted', ended),
      {
        id: 'more first members than it may have',
        bad: ({ members: both }) => ({ description: described({ groupId: freshId(), maxMembers: 1 }), members: both }),
        expect: LIMIT,
      },
    ],
  });

  const named = async (one: string) => ({ groupId: await group([ANN, BOB], { maxMembers: 3 }), members: [one] });
  type Named = Parameters<ServiceGroupController['addMembers']>[0];
  refuses<Named>({
    name: 'AddMembers',
    good: () => named(EVE),
    send: (request) => groups.addMembers(request, call()),
    faults: [
      ...ofGroup<Named>(false),
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
  refuses<Named>({
    name: 'RemoveMembers',
    good: () => named(ANN),
    send: (request) => groups.removeMembers(request, call()),
    faults: [
      ...ofGroup<Named>(false),
      ...memberFaults<Named>(),
      NO_NAMES,
      stranger('alone', [EVE]),
      stranger('beside a member', [BOB, EVE]),
    ],
  });

  const there = async () => ({ groupId: await group() });
  refuses<OfGroup>({
    name: 'GetServiceGroup',
    good: there,
    send: (request) => groups.getServiceGroup(request),
    faults: ofGroup(true),
  });
  refuses<OfGroup>({
    name: 'DeleteServiceGroup',
    good: there,
    send: (request) => groups.deleteServiceGroup(request, call()),
    faults: ofGroup(true),
  });
  refuses({
    name: 'ListServiceGroups',
    good: () => ({ pageSize: 1, pageToken: '' }),
    send: (request) => groups.listServiceGroups(request),
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
    await groups.createServiceGroup(request, call());
    await rest(request.description.groupId);
    await expectRefusal(world.store, () => groups.createServiceGroup(request, call()), 'ALREADY_EXISTS/ALREADY_EXISTS');
  });

  it.each([
    ['CreateServiceGroup', () => groups.createServiceGroup({ ...create(), members: [KEYLESS] }, call())],
    ['AddMembers', async () => groups.addMembers(await named(KEYLESS), call())],
    ['RemoveMembers', async () => groups.removeMembers(await named(EVE), call())],
  ] as const)('is told by %s which member it is about', async (name, send) => {
    expect((await refusalOf(send)).metadata).toMatchObject({ entity: name === 'RemoveMembers' ? EVE : KEYLESS });
  });
});

describe('a gateway', () => {
  type Relayed = Parameters<MembershipController['joinServiceGroup']>[0];
  const ENTITIES: [string, string, string][] = [
    ['an empty E', '', 'INVALID_ARGUMENT/FIELD_MISSING entity'],
    ['what is no E', 'lamp', 'INVALID_ARGUMENT/NAME_INVALID entity'],
    ['an E of another trust domain', 'cpns://pn1.other.example/pne/lamp', 'PERMISSION_DENIED/TRUST_DOMAIN'],
    ['an E of another PN', pne(1, 'pn9'), 'PERMISSION_DENIED/PN_MISMATCH'],
    ['the name of an operator', 'cpns://td.example/operator/ann', 'INVALID_ARGUMENT/NAME_INVALID entity'],
  ];
  const entities = ENTITIES.map(([id, entity, expected]): Fault<Relayed> => ({
    id,
    bad: (good) => ({ ...good, entity }),
    expect: expected,
  }));
  const other = (id: string, groupId: () => Promise<string>, expected: string): Fault<Relayed> => ({
    id,
    bad: async (good) => ({ ...good, groupId: await groupId() }),
    expect: expected,
  });
  const NOT_PERMITTED = 'PERMISSION_DENIED/JOIN_NOT_PERMITTED';
  refuses<Relayed>({
    name: 'MembershipService.JoinServiceGroup',
    good: async () => ({ groupId: await group(), entity: EVE }),
    send: (request) => members.joinServiceGroup(request, call()),
    faults: [
      ...ofGroup<Relayed>(false),
      ...entities,
      other('one member too many', () => group([ANN], { maxMembers: 1 }), LIMIT),
      other('a group that is closed', () => group([ANN], { openToJoin: false }), NOT_PERMITTED),
      other(
        'a group that an operator took it out of',
        async () => {
          const groupId = await group([ANN, EVE]);
          await groups.removeMembers({ groupId, members: [EVE] }, call());
          await rest(groupId);
          return groupId;
        },
        NOT_PERMITTED,
      ),
    ],
  });
  refuses<Relayed>({
    name: 'MembershipService.LeaveServiceGroup',
    good: async () => ({ groupId: await group(), entity: BOB }),
    send: (request) => members.leaveServiceGroup(request, call()),
    faults: [...ofGroup<Relayed>(false), ...entities],
  });
});

describe('a dependency that is down', () => {
  const DOWN = 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE';
  /** The change that is written down, to be carried out once the dependency is back. */
  const PROPOSED =
    /^service-group\/[\w-]+ (group was (added|changed)|pending was added|log outbox was (added|changed))$/;
  type Send = (groupId: string, served: ServiceGroupController, joined: MembershipController) => Promise<unknown>;
  const SHORT_MS = 500;
  const CHANGES: Readonly<Record<string, { readonly send: Send; readonly done: Partial<ServiceGroup> }>> = {
    CreateServiceGroup: {
      send: (_groupId, served) =>
        served.createServiceGroup(
          { description: described({ groupId: `group-${count}-new` }), members: [ANN] },
          call(SHORT_MS),
        ),
      done: { members: [ANN] },
    },
    AddMembers: {
      send: (groupId, served) => served.addMembers({ groupId, members: [EVE] }, call(SHORT_MS)),
      done: { members: [ANN, BOB, EVE] },
    },
    RemoveMembers: {
      send: (groupId, served) => served.removeMembers({ groupId, members: [ANN] }, call(SHORT_MS)),
      done: { members: [BOB] },
    },
    DeleteServiceGroup: {
      send: (groupId, served) => served.deleteServiceGroup({ groupId }, call(SHORT_MS)),
      done: { deleted: true },
    },
    'MembershipService.JoinServiceGroup': {
      send: (groupId, _served, joined) => joined.joinServiceGroup({ groupId, entity: EVE }, call(SHORT_MS)),
      done: { members: [ANN, BOB, EVE] },
    },
  };
  const titled = (why: string, without: readonly string[] = []) =>
    Object.keys(CHANGES)
      .filter((name) => !without.includes(name))
      .map((name) => [`${name}, ${why}, ${AT}: ${DOWN}`, CHANGES[name]!] as const);

  it.each(titled('KMC stopped', ['MembershipService.JoinServiceGroup']))('%s', async (title, { send, done }) => {
    const groupId = await group();
    world.server.stuck = true;
    await expectRefusal(world.store, () => send(groupId, groups, members), DOWN, PROPOSED);
    world.server.stuck = false;
    const changed = title.startsWith('Create') ? `group-${count}-new` : groupId;
    await smf.outbox.drain({ kind: 'service-group', id: changed });
    expect(await smf.get(changed)).toMatchObject(done);
  });

  it.each(titled('CPNS Server stopped'))('%s', async (_title, { send }) => {
    const groupId = await group();
    world.server.away = true;
    await expectRefusal(world.store, () => send(groupId, groups, members), DOWN);
    world.server.away = false;
    await send(groupId, groups, members);
  });

  it.each(titled('Redis stopped', ['RemoveMembers']))('%s', async (_title, { send }) => {
    const groupId = await group();
    const store = new FailingStore(world.store);
    const { module } = await world.replica(store);
    const sent = () => send(groupId, module.get(ServiceGroupController), module.get(MembershipController));
    store.isAway = true;
    await expectRefusal(world.store, sent, DOWN);
    store.isAway = false;
    await sent();
  });
});
