/** One RPC at each port that names a group: with an id that is none, of no group, and by callers that it is not for. */
import { NO_PAGE } from '@cpns/contracts';
import type { Reason } from '@cpns/core';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { Shown } from '@cpns/testing/bad-input';
import type { Row } from '../../phase';
import type { World } from '../../world';
import {
  callRow,
  faultRow,
  freshGroupId,
  group,
  groupsOf,
  keyAtKmc,
  keyedGroup,
  member,
  requestId,
  RPC,
  send,
  type As,
  type Rpc,
} from './stage';

const ABOVE = 'a target entity’s certificate above its role';
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
}
const OF_SMF: Groups = {
  make: (world) => group(world),
  end: (world, groupId) => groupsOf(world).deleteGroup(groupId),
  deleted: 'GROUP_DELETED',
};
const OF_CSKMF: Groups = {
  ...OF_SMF,
  make: keyedGroup,
  end: (world, groupId) => send(world, RPC.deleteGroupKey, { groupId }),
};
const OF_KMC: Groups = {
  ...OF_SMF,
  make: keyAtKmc,
  end: (world, groupId) => send(world, RPC.destroyKey, { groupId }),
  deleted: 'NOT_FOUND',
};

/** A call that is good when the caller is the one that it is for. */
const byOther = <M extends MethodShape>(
  shown: Shown,
  rpc: Rpc<M>,
  good: (world: World) => Promise<RequestOf<M>>,
  badAs: As,
): Row => {
  const messages = async (world: World) => {
    const bad = await good(world);
    return { good: await good(world), bad, again: bad };
  };
  return callRow<M>(shown, rpc, messages, { badAs });
};

function ofGroup<M extends MethodShape>(
  rpc: Rpc<M>,
  { make, end, deleted }: Groups,
  request: (world: World, groupId: string) => RequestOf<M> | Promise<RequestOf<M>>,
): Row[] {
  const good = async (world: World) => request(world, await make(world));
  const about = (shown: Shown, other: (world: World) => string | Promise<string>) =>
    faultRow<M>(shown, rpc, async (world) => {
      return { good: await good(world), bad: await request(world, await other(world)) };
    });
  const ended = async (world: World) => {
    const groupId = await make(world);
    await end(world, groupId);
    return groupId;
  };
  const isAtGateway = rpc.at === 'gateway certificate';
  const [badAs, item] = isAtGateway ? (['operator', ROLE] as const) : (['target entity', ABOVE] as const);
  return [
    ...WRONG_IDS.map(([shown, groupId, item, reason]) =>
      about([`group-id ${shown}`, item, `${reason} group_id`], () => groupId),
    ),
    about(['unknown group', 'an unknown group', 'NOT_FOUND'], freshGroupId),
    about(['deleted group', 'a deleted group', deleted], ended),
    byOther([`${rpc.name} by ${badAs}`, item, 'ROLE_NOT_PERMITTED'], rpc, good, badAs),
  ];
}

/** The port for tokens serves none of these RPCs. */
const onTokenPort = <M extends MethodShape>(
  name: string,
  rpc: Rpc<M>,
  message: (groupId: string) => RequestOf<M>,
): Row => {
  const shown = [`${name} by anybody without a certificate`, ROLE, 'UNIMPLEMENTED'] as const;
  const anonymous = (world: World) => Promise.resolve(world.wire('Server token'));
  return byOther<M>(shown, rpc, async (world) => message(await group(world)), anonymous);
};

/** SMF-SRV, SMF-GW, GK-UPDATE-M and SECCF-KMC. */
export const RPC_ROWS: readonly Row[] = [
  ...ofGroup(RPC.addMembers, OF_SMF, async (world, groupId) => ({ groupId, members: [await member(world, 3)] })),
  ...ofGroup(RPC.join, OF_SMF, (_world, groupId) => ({ groupId })),
  ...ofGroup(RPC.updateGroupKey, OF_CSKMF, async (world, groupId) => {
    return { groupId, membershipRevision: 2n, joined: [await member(world, 3)], left: [], emergency: false };
  }),
  ...ofGroup(RPC.createKeyVersion, OF_KMC, (_world, groupId) => {
    return { groupId, previous: 1n, requestId: requestId() };
  }),
  onTokenPort('GroupKeyDeliveryService.PullGroupKey', RPC.pullByGateway, (groupId) => {
    return { groupId, version: 0n, entity: '', ...NO_PAGE };
  }),
  onTokenPort('GetGroupKeyStatus', RPC.getGroupKeyStatus, (groupId) => ({
    groupId,
    entity: '',
    withRecipients: false,
  })),
];
