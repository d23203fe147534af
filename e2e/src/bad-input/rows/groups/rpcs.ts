/** One RPC at each port that names a group: with an id that is none, of no group, and by callers that it is not for. */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  KmcServiceService,
  PnGatewayServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import type { Reason } from '@cpns/core';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { Caller } from '@cpns/testing/bad-input';
import type { Row } from '../../phase';
import type { World } from '../../world';
import {
  BY_DEVICE,
  BY_GATEWAY,
  BY_OPERATOR,
  BY_OSG,
  BY_SMF,
  callRow,
  freshGroupId,
  group,
  groupsOf,
  keyAtKmc,
  keyedGroup,
  member,
  PATIENT,
  requestId,
  type Served,
  type Shown,
} from './stage';

const { addMembers } = ServiceGroupServiceService;
const { updateGroupKey, deleteGroupKey, getGroupKeyStatus } = GroupKeyManagementServiceService;
const { createKeyVersion, destroyKey } = KmcServiceService;

const ROLE = 'a caller of the wrong role';
const WRONG_IDS = [
  ['""', '', 'an id that is empty', 'FIELD_MISSING'],
  ['"aaaaaaaa…"', 'a'.repeat(65), 'an id that is over-long', 'FIELD_TOO_LONG'],
  ['".hidden"', '.hidden', 'an id outside its pattern', 'NAME_INVALID'],
] as const;

/** A group there is, and one that was and is no more. @returns its id */
interface Groups {
  readonly make: (world: World) => Promise<string>;
  readonly end: (world: World, groupId: string) => Promise<unknown>;
  readonly deleted: Reason;
  /** Callers that may not call it. */
  readonly wrong: readonly Caller[];
}
const OF_SMF: Groups = {
  make: (world) => group(world),
  end: (world, groupId) => groupsOf(world).deleteGroup(groupId),
  deleted: 'GROUP_DELETED',
  wrong: ['service kmc', 'target entity'],
};
const OF_CSKMF: Groups = {
  ...OF_SMF,
  make: keyedGroup,
  end: (world, groupId) => world.wire('Server certificate', 'service smf').call(deleteGroupKey, { groupId }, PATIENT),
};
const OF_KMC: Groups = {
  ...OF_SMF,
  make: keyAtKmc,
  end: (world, groupId) => world.wire('KMC certificate', 'service cpns-server').call(destroyKey, { groupId }, PATIENT),
  deleted: 'NOT_FOUND',
};

function ofGroup<M extends MethodShape>(
  name: string,
  served: Served,
  method: M,
  { make, end, deleted, wrong }: Groups,
  request: (world: World, groupId: string) => RequestOf<M> | Promise<RequestOf<M>>,
): Row[] {
  const good = async (world: World) => request(world, await make(world));
  const about = ([id, ...shown]: Shown, other: (world: World) => string | Promise<string>) =>
    callRow<M>([`${id} (${name})`, ...shown], served, method, async (world) => {
      return { good: await good(world), bad: await request(world, await other(world)) };
    });
  const ended = async (world: World) => {
    const groupId = await make(world);
    await end(world, groupId);
    return groupId;
  };
  const byOther = (badAs: Caller) => {
    const item = badAs === 'target entity' ? 'a target entity’s certificate above its role' : ROLE;
    const messages = async (world: World) => {
      const bad = await good(world);
      return { good: await good(world), bad, again: bad };
    };
    return callRow<M>([`${name} by ${badAs}`, item, 'ROLE_NOT_PERMITTED'], served, method, messages, { badAs });
  };
  return [
    ...WRONG_IDS.map(([shown, groupId, item, reason]) =>
      about([`group-id ${shown}`, item, `${reason} group_id`], () => groupId),
    ),
    about(['unknown group', 'an unknown group', 'NOT_FOUND'], freshGroupId),
    about(['deleted group', 'a deleted group', deleted], ended),
    ...wrong.map(byOther),
  ];
}

/** The port for tokens serves none of these RPCs. */
const onTokenPort = <M extends MethodShape>(
  name: string,
  served: Served,
  method: M,
  message: (groupId: string) => RequestOf<M>,
): Row => {
  const shown = [`${name} by anybody without a certificate`, ROLE, 'UNIMPLEMENTED'] as const;
  const messages = async (world: World) => {
    const good = message(await group(world));
    return { good, bad: good, again: good };
  };
  return callRow<M>(shown, served, method, messages, { badAs: (world) => Promise.resolve(world.wire('Server token')) });
};

/** SMF-SRV, SMF-GW, GK-UPDATE-M and SECCF-KMC. */
export const RPC_ROWS: readonly Row[] = [
  ...ofGroup('AddMembers', BY_OPERATOR, addMembers, OF_SMF, async (world, groupId) => {
    return { groupId, members: [await member(world, 3)] };
  }),
  ...ofGroup(
    'JoinServiceGroup',
    BY_DEVICE,
    PnGatewayServiceService.joinServiceGroup,
    { ...OF_SMF, wrong: ['operator'] },
    (_world, groupId) => ({ groupId }),
  ),
  ...ofGroup('UpdateGroupKey', BY_SMF, updateGroupKey, OF_CSKMF, async (world, groupId) => {
    return { groupId, membershipRevision: 2n, joined: [await member(world, 3)], left: [] };
  }),
  ...ofGroup('CreateKeyVersion', BY_OSG, createKeyVersion, OF_KMC, (_world, groupId) => {
    return { groupId, previous: 1n, requestId: requestId() };
  }),
  onTokenPort(
    'GroupKeyDeliveryService.PullGroupKey',
    BY_GATEWAY,
    GroupKeyDeliveryServiceService.pullGroupKey,
    (groupId) => ({ groupId, version: 0n, entity: '' }),
  ),
  onTokenPort('GetGroupKeyStatus', BY_SMF, getGroupKeyStatus, (groupId) => ({ groupId })),
];
