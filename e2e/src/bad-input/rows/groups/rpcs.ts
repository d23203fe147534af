/** Every RPC that names a group: with an id that is none, of a group that never was, and of one that is no more. */
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
import type { Expectation, Row } from '../../row';
import type { Port, World } from '../../world';
import { WRONG_ID, type WrongValue } from '../names';
import {
  callRow,
  description,
  endedGroup,
  freshGroupId,
  group,
  groupIdRows,
  member,
  members,
  resident,
  type As,
} from './stage';

const NOT_FOUND: Expectation = { code: 'NOT_FOUND', reason: 'NOT_FOUND' };
const GROUP_DELETED: Expectation = { code: 'FAILED_PRECONDITION', reason: 'GROUP_DELETED' };
const ALREADY_EXISTS: Expectation = { code: 'ALREADY_EXISTS', reason: 'ALREADY_EXISTS' };

/** How groups come and go for whoever is called. */
interface House {
  /** A group for which the request is good. */
  readonly group: (world: World) => Promise<string>;
  readonly ended: (world: World) => Promise<string>;
}

interface Rpc<M extends MethodShape> {
  readonly name: string;
  readonly at: Port;
  readonly as: As;
  readonly method: M;
  readonly house: House;
  readonly request: (world: World, groupId: string) => Promise<RequestOf<M>> | RequestOf<M>;
  readonly clause: string;
  /** What it says to a group that never was; without it such a group is what it is for. */
  readonly unknown?: Expectation;
  /** What it says to one that was deleted; without it that is no fault. */
  readonly deleted?: Expectation;
  readonly values?: readonly WrongValue[];
}

function rowsOf<M extends MethodShape>(rpc: Rpc<M>): Row[] {
  const { name, at, as, method, house, request, clause, unknown, deleted, values } = rpc;
  const good = async (world: World) => request(world, await house.group(world));
  const about = (id: string, expect: Expectation, other: (world: World) => Promise<string> | string): Row =>
    callRow<M>({
      id: `${id} (${name})`,
      item: id === 'unknown group' ? 'an unknown group' : 'a deleted group',
      clause,
      at,
      as,
      method,
      expect,
      messages: async (world) => ({ good: await good(world), bad: await request(world, await other(world)) }),
    });
  const withGroupId = (message: RequestOf<M>, groupId: string): RequestOf<M> =>
    ({ ...(message as object), groupId }) as RequestOf<M>;
  return [
    // a description holds its own id
    ...(values?.length === 0 ? [] : groupIdRows<M>({ name, at, as, method, request: good, withGroupId }, values)),
    ...(unknown === undefined ? [] : [about('unknown group', unknown, freshGroupId)]),
    ...(deleted === undefined ? [] : [about('deleted group', deleted, house.ended)]),
  ];
}

/** Groups of the SMF's, with two members; the first resident is one of them. */
const SMF: House = {
  group: async (world) => group(world, [await member(world), (await resident(world)).entity], { openToJoin: true }),
  ended: async (world) => endedGroup(world, [await member(world), (await resident(world)).entity]),
};
const asOperator = { at: 'SMF certificate', as: 'operator', house: SMF, clause: 'SMF-SRV' } as const;
const asRelay = { at: 'SMF certificate', as: 'PN GW', house: SMF, clause: 'SMF-GW' } as const;
const asDevice = {
  at: 'gateway certificate',
  as: async (world: World) => (await resident(world)).wire,
  house: SMF,
} as const;

const AT_SMF: readonly Row[] = [
  ...rowsOf({
    ...asOperator,
    name: 'GetServiceGroup',
    method: ServiceGroupServiceService.getServiceGroup,
    request: (_world, groupId) => ({ groupId }),
    unknown: NOT_FOUND,
  }),
  ...rowsOf({
    ...asOperator,
    name: 'DeleteServiceGroup',
    method: ServiceGroupServiceService.deleteServiceGroup,
    request: (_world, groupId) => ({ groupId }),
    unknown: NOT_FOUND,
  }),
  ...rowsOf({
    ...asOperator,
    name: 'AddMembers',
    method: ServiceGroupServiceService.addMembers,
    request: async (world, groupId) => ({ groupId, members: [await member(world, 3)] }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
  ...rowsOf({
    ...asOperator,
    name: 'RemoveMembers',
    method: ServiceGroupServiceService.removeMembers,
    request: async (world, groupId) => ({ groupId, members: [await member(world)] }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
  ...rowsOf({
    ...asRelay,
    name: 'MembershipService.JoinServiceGroup',
    method: MembershipServiceService.joinServiceGroup,
    request: async (world, groupId) => ({ groupId, entity: await member(world, 4) }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
  ...rowsOf({
    ...asRelay,
    name: 'MembershipService.LeaveServiceGroup',
    method: MembershipServiceService.leaveServiceGroup,
    request: async (world, groupId) => ({ groupId, entity: await member(world) }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
];

const AT_GATEWAY: readonly Row[] = [
  ...rowsOf({
    ...asDevice,
    name: 'JoinServiceGroup',
    clause: 'SMF-GW',
    method: PnGatewayServiceService.joinServiceGroup,
    request: (_world, groupId) => ({ groupId }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
  ...rowsOf({
    ...asDevice,
    name: 'LeaveServiceGroup',
    clause: 'SMF-GW',
    method: PnGatewayServiceService.leaveServiceGroup,
    request: (_world, groupId) => ({ groupId }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
  ...rowsOf({
    ...asDevice,
    name: 'PullGroupKey by a PNE',
    clause: 'GK-PULL step 2',
    method: PnGatewayServiceService.pullGroupKey,
    request: (_world, groupId) => ({ groupId, version: 0n }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
];

const { createGroupKey, updateGroupKey, deleteGroupKey, getGroupKeyStatus } = GroupKeyManagementServiceService;

/** Groups of CSKMF's own, which no SMF knows. */
export async function keyedGroup(world: World, count = 2): Promise<string> {
  const request = { description: description(), members: await members(world, count), membershipRevision: 1n };
  await world.wire('Server certificate', 'service smf').call(createGroupKey, request, { deadlineMs: 20_000 });
  return request.description.groupId;
}
const CSKMF: House = {
  group: keyedGroup,
  ended: async (world) => {
    const groupId = await keyedGroup(world);
    await world.wire('Server certificate', 'service smf').call(deleteGroupKey, { groupId }, { deadlineMs: 20_000 });
    return groupId;
  },
};
const asSmf = { at: 'Server certificate', as: 'service smf', house: CSKMF, clause: '5.3.1.12.6.1' } as const;

const AT_CSKMF: readonly Row[] = [
  ...rowsOf({
    ...asSmf,
    name: 'CreateGroupKey',
    method: createGroupKey,
    request: async (world, groupId) => ({
      description: description({ groupId }),
      members: await members(world, 2),
      membershipRevision: 2n,
    }),
    house: { ...CSKMF, group: () => Promise.resolve(freshGroupId()) },
    deleted: GROUP_DELETED,
    values: [],
  }),
  ...rowsOf({
    ...asSmf,
    name: 'UpdateGroupKey',
    method: updateGroupKey,
    request: async (world, groupId) => ({
      groupId,
      membershipRevision: 2n,
      joined: [await member(world, 3)],
      left: [],
    }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
  ...rowsOf({
    ...asSmf,
    name: 'DeleteGroupKey',
    method: deleteGroupKey,
    request: (_world, groupId) => ({ groupId }),
    unknown: NOT_FOUND,
  }),
  ...rowsOf({
    ...asSmf,
    name: 'GetGroupKeyStatus',
    method: getGroupKeyStatus,
    request: (_world, groupId) => ({ groupId }),
    unknown: NOT_FOUND,
  }),
  ...rowsOf({
    at: 'Server certificate',
    as: 'PN GW',
    house: CSKMF,
    clause: 'GK-PULL step 3',
    name: 'PullGroupKey by a PN GW for one member',
    method: GroupKeyDeliveryServiceService.pullGroupKey,
    request: async (world, groupId) => ({ groupId, version: 0n, entity: await member(world) }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
  ...rowsOf({
    at: 'Server certificate',
    as: 'PN GW',
    house: CSKMF,
    clause: 'FLOW-PULL step 9',
    name: 'PullGroupKey by a PN GW for all',
    method: GroupKeyDeliveryServiceService.pullGroupKey,
    request: (_world, groupId) => ({ groupId, version: 0n, entity: '' }),
    unknown: NOT_FOUND,
    deleted: GROUP_DELETED,
  }),
];

const { createKey, createKeyVersion, getKeyVersion, destroyKeyVersion, destroyKey } = KmcServiceService;
const requestId = () => randomBytes(16);

/** A key of the KMC's own, which no CSKMF knows. */
export async function keyAtKmc(world: World): Promise<string> {
  const groupId = freshGroupId();
  const wire = world.wire('KMC certificate', 'service cpns-server');
  await wire.call(createKey, { groupId, requestId: requestId() });
  return groupId;
}
const KMC: House = {
  group: keyAtKmc,
  ended: async (world) => {
    const groupId = await keyAtKmc(world);
    await world.wire('KMC certificate', 'service cpns-server').call(destroyKey, { groupId });
    return groupId;
  },
};
const asOsg = { at: 'KMC certificate', as: 'service cpns-server', house: KMC, clause: 'SECCF-KMC' } as const;

const AT_KMC: readonly Row[] = [
  ...rowsOf({
    ...asOsg,
    name: 'CreateKey',
    method: createKey,
    house: { ...KMC, group: () => Promise.resolve(freshGroupId()) },
    request: (_world, groupId) => ({ groupId, requestId: requestId() }),
    deleted: ALREADY_EXISTS,
    values: WRONG_ID,
  }),
  ...rowsOf({
    ...asOsg,
    name: 'CreateKeyVersion',
    method: createKeyVersion,
    request: (_world, groupId) => ({ groupId, previous: 1n, requestId: requestId() }),
    unknown: NOT_FOUND,
    deleted: NOT_FOUND,
  }),
  ...rowsOf({
    ...asOsg,
    name: 'GetKeyVersion',
    method: getKeyVersion,
    request: (_world, groupId) => ({ groupId, version: 1n }),
    unknown: NOT_FOUND,
    deleted: NOT_FOUND,
  }),
  ...rowsOf({
    ...asOsg,
    name: 'DestroyKeyVersion',
    method: destroyKeyVersion,
    request: (_world, groupId) => ({ groupId, version: 1n }),
    unknown: NOT_FOUND,
  }),
  ...rowsOf({
    ...asOsg,
    name: 'DestroyKey',
    method: destroyKey,
    request: (_world, groupId) => ({ groupId }),
    unknown: NOT_FOUND,
  }),
];

export const GROUP_RPC_ROWS: readonly Row[] = [...AT_SMF, ...AT_GATEWAY, ...AT_CSKMF, ...AT_KMC];
