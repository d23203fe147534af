/**
 * A dependency of the group services that is down (architecture.md, "Failure", "Consistency"): UNAVAILABLE before the
 * deadline. What was not proposed leaves nothing; what was is written down, and done once the dependency is back.
 */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  KmcServiceService,
  MembershipServiceService,
  PnGatewayServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { row, type Row } from '../../row';
import type { Port, World } from '../../world';
import { keyedGroup } from './rpcs';
import { description, freshGroupId, group, groupsOf, member, members, resident, wireOf, type As } from './stage';

/** For a call while its dependency is away, milliseconds: a later answer would be this client's DEADLINE_EXCEEDED. */
const DEADLINE_MS = 2_500;
const POLL_MS = 20;
/** For the same call while all is well. */
const PATIENT_MS = 20_000;

interface Sending {
  readonly unaltered: () => Promise<unknown>;
  readonly twin: (deadlineMs: number) => Promise<unknown>;
  readonly done: () => Promise<unknown>;
}

interface Outage<M extends MethodShape> {
  readonly id: string;
  readonly at: Port;
  readonly as: As;
  readonly method: M;
  /** A message of its own for each call. */
  readonly request: (world: World) => Promise<RequestOf<M>>;
  /** What is written down for later, where the change could be proposed. */
  readonly journal?: RegExp;
  /** How one sees that it was done; the call itself is made again without it. */
  readonly done?: (world: World, request: RequestOf<M>) => Promise<unknown>;
}

const down =
  (dependency: string) =>
  <M extends MethodShape>({ id, at, as, method, request, journal, done }: Outage<M>): Row =>
    row<Sending>({
      id: `${id}, ${dependency}`,
      item: 'a dependency that is down',
      clause: 'architecture, Failure',
      at,
      expect: { code: 'UNAVAILABLE', reason: 'DEPENDENCY_UNAVAILABLE' },
      ...(journal === undefined ? {} : { journal }),
      arrange: async (world) => {
        const wire = await wireOf(world, at, as);
        const [first, second] = [await request(world), await request(world)];
        const twin = (deadlineMs: number) => wire.call(method, second, { deadlineMs });
        return {
          unaltered: () => wire.call(method, first, { deadlineMs: PATIENT_MS }),
          twin,
          done: () => done?.(world, second) ?? twin(PATIENT_MS),
        };
      },
      good: ({ unaltered }) => unaltered(),
      bad: ({ twin }) => twin(DEADLINE_MS),
      after: ({ done }) => done(),
    });

const { createServiceGroup, deleteServiceGroup, addMembers, removeMembers, getServiceGroup } =
  ServiceGroupServiceService;
const { createGroupKey, updateGroupKey, deleteGroupKey } = GroupKeyManagementServiceService;
const AS_OPERATOR = { at: 'SMF certificate', as: 'operator' } as const;
const AS_RELAY = { at: 'SMF certificate', as: 'PN GW' } as const;
const AS_SMF = { at: 'Server certificate', as: 'service smf' } as const;
const AS_GATEWAY = { at: 'Server certificate', as: 'PN GW' } as const;
const AS_DEVICE = {
  at: 'gateway certificate',
  as: async (world: World) => (await resident(world)).wire,
} as const;

const CREATE = {
  ...AS_OPERATOR,
  id: 'CreateServiceGroup',
  method: createServiceGroup,
  request: async (world: World) => ({ description: description(), members: await members(world, 2) }),
};
const ADD = {
  ...AS_OPERATOR,
  id: 'AddMembers',
  method: addMembers,
  request: async (world: World) => ({
    groupId: await group(world, await members(world, 2)),
    members: [await member(world, 3)],
  }),
};
const REMOVE = {
  ...AS_OPERATOR,
  id: 'RemoveMembers',
  method: removeMembers,
  request: async (world: World) => ({
    groupId: await group(world, await members(world, 2)),
    members: [await member(world)],
  }),
};
const DELETE = {
  ...AS_OPERATOR,
  id: 'DeleteServiceGroup',
  method: deleteServiceGroup,
  request: async (world: World) => ({ groupId: await group(world, await members(world, 2)) }),
};
const RELAYED_JOIN = {
  ...AS_RELAY,
  id: 'MembershipService.JoinServiceGroup',
  method: MembershipServiceService.joinServiceGroup,
  request: async (world: World) => ({
    groupId: await group(world, [await member(world)], { openToJoin: true }),
    entity: await member(world, 2),
  }),
};
const JOIN = {
  ...AS_DEVICE,
  id: 'JoinServiceGroup',
  method: PnGatewayServiceService.joinServiceGroup,
  request: async (world: World) => ({ groupId: await group(world, [await member(world)], { openToJoin: true }) }),
};
const LEAVE = {
  ...AS_DEVICE,
  id: 'LeaveServiceGroup',
  method: PnGatewayServiceService.leaveServiceGroup,
  request: async (world: World) => ({
    groupId: await group(world, [await member(world), (await resident(world)).entity]),
  }),
};
/** Of a version that the gateway does not hold: it asked for the group's first, and for no other. */
const DEVICE_PULL = {
  ...AS_DEVICE,
  id: 'PullGroupKey by a PNE',
  method: PnGatewayServiceService.pullGroupKey,
  request: async (world: World) => {
    const groupId = await group(world, [await member(world), (await resident(world)).entity]);
    while (!(await world.stores.has('pn1/gw1', { kind: 'group', id: groupId }, 'available'))) await sleep(POLL_MS);
    await groupsOf(world).addMembers(groupId, [await member(world, 2)]);
    return { groupId, version: 2n };
  },
};
const PULL_ONE = {
  ...AS_GATEWAY,
  id: 'PullGroupKey by a PN GW for one member',
  method: GroupKeyDeliveryServiceService.pullGroupKey,
  request: async (world: World) => ({
    groupId: await keyedGroup(world),
    version: 0n,
    entity: await member(world),
  }),
};
const PULL_ALL = {
  ...AS_GATEWAY,
  id: 'PullGroupKey by a PN GW for all',
  method: GroupKeyDeliveryServiceService.pullGroupKey,
  request: async (world: World) => ({ groupId: await keyedGroup(world), version: 0n, entity: '' }),
};
const CREATE_KEY = {
  ...AS_SMF,
  id: 'CreateGroupKey',
  method: createGroupKey,
  request: async (world: World) => ({
    description: description(),
    members: await members(world, 2),
    membershipRevision: 1n,
  }),
};
const UPDATE_KEY = {
  ...AS_SMF,
  id: 'UpdateGroupKey',
  method: updateGroupKey,
  request: async (world: World) => ({
    groupId: await keyedGroup(world),
    membershipRevision: 2n,
    joined: [await member(world, 3)],
    left: [],
  }),
};
const DELETE_KEY = {
  ...AS_SMF,
  id: 'DeleteGroupKey',
  method: deleteGroupKey,
  request: async (world: World) => ({ groupId: await keyedGroup(world) }),
};
const MATERIAL = {
  at: 'KMC certificate',
  as: 'service cpns-server',
  id: 'CreateKey',
  method: KmcServiceService.createKey,
  request: () => Promise.resolve({ groupId: freshGroupId(), requestId: randomBytes(16) }),
} as const;

/** The proposal at the SMF, and the change that CSKMF began: both go on by themselves later. */
const PROPOSED =
  /^(smf service-group\/[\w-]+ (group was (added|changed)|pending was added|log outbox was (added|changed))|cpns-server group\/[\w-]+ (pending was added|head was changed))$/;

/** As the operator sees the group in the end. */
async function seen(
  world: World,
  groupId: string,
  isDone: (found: { readonly members: string[]; readonly deleted: boolean }) => boolean,
) {
  const { group: found } = await world.wire('SMF certificate', 'operator').call(getServiceGroup, { groupId });
  if (found === undefined || !isDone(found)) throw new Error('the change is not made yet');
}

const noKmc = down('KMC stopped');
/** With nothing in the CPNS Server's memory. */
export const KMC_STOPPED_ROWS: readonly Row[] = [
  noKmc({
    ...CREATE,
    journal: PROPOSED,
    done: (world, { description: made }) => seen(world, made?.groupId ?? '', ({ members: all }) => all.length === 2),
  }),
  noKmc({
    ...ADD,
    journal: PROPOSED,
    done: (world, { groupId }) => seen(world, groupId, ({ members: all }) => all.length === 3),
  }),
  noKmc({
    ...REMOVE,
    journal: PROPOSED,
    done: (world, { groupId }) => seen(world, groupId, ({ members: all }) => all.length === 1),
  }),
  noKmc({ ...DELETE, journal: PROPOSED, done: (world, { groupId }) => seen(world, groupId, ({ deleted }) => deleted) }),
  noKmc({
    ...JOIN,
    journal: PROPOSED,
    done: (world, { groupId }) => seen(world, groupId, ({ members: all }) => all.length === 2),
  }),
  noKmc({ ...CREATE_KEY, journal: PROPOSED }),
  noKmc({ ...UPDATE_KEY, journal: PROPOSED }),
  noKmc({ ...DELETE_KEY, journal: PROPOSED }),
  ...[PULL_ONE, PULL_ALL].map(noKmc),
  noKmc(DEVICE_PULL),
];

const noServer = down('CPNS Server stopped');
/** SMF finds that out before it proposes anything. */
export const SERVER_STOPPED_GROUP_ROWS: readonly Row[] = [
  noServer(CREATE),
  noServer(ADD),
  noServer(REMOVE),
  noServer(DELETE),
  noServer(RELAYED_JOIN),
  noServer(JOIN),
  noServer(LEAVE),
  noServer(DEVICE_PULL),
];

const serverHangs = down('CPNS Server hangs');
export const SERVER_HUNG_GROUP_ROWS: readonly Row[] = [
  serverHangs(CREATE),
  serverHangs(ADD),
  serverHangs(JOIN),
  serverHangs(DEVICE_PULL),
];

const noSmf = down('SMF stopped');
export const SMF_STOPPED_ROWS: readonly Row[] = [noSmf(JOIN), noSmf(LEAVE)];

const noStore = down('Redis stopped');
export const STORE_STOPPED_GROUP_ROWS: readonly Row[] = [
  noStore(CREATE),
  noStore(ADD),
  noStore(DELETE),
  noStore(RELAYED_JOIN),
  noStore(JOIN),
  noStore(DEVICE_PULL),
  noStore(PULL_ONE),
  noStore(PULL_ALL),
  noStore(CREATE_KEY),
  noStore(UPDATE_KEY),
  noStore(MATERIAL),
];
