/** One RPC at each port that names a group: with an id that is none, of no group, and by callers whom it is not for. */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  KmcServiceService,
  PnGatewayServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import type { Reason } from '@cpns/core';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { Expectation, Item, Row } from '../../row';
import type { World } from '../../world';
import {
  BY_DEVICE,
  BY_GATEWAY,
  BY_OPERATOR,
  BY_OSG,
  BY_SMF,
  callRow,
  endedGroup,
  freshGroupId,
  group,
  keyAtKmc,
  keyedGroup,
  member,
  PATIENT,
  refused,
  requestId,
  type As,
  type Served,
} from './stage';

const { addMembers } = ServiceGroupServiceService;
const { updateGroupKey, deleteGroupKey, getGroupKeyStatus } = GroupKeyManagementServiceService;
const { createKeyVersion, destroyKey } = KmcServiceService;

/** An RPC that names a group, at each port. */
interface OfGroup<M extends MethodShape> extends Served {
  readonly name: string;
  readonly clause: string;
  readonly method: M;
  readonly group: (world: World) => Promise<string>;
  readonly ended: (world: World) => Promise<string>;
  readonly request: (world: World, groupId: string) => Promise<RequestOf<M>>;
  readonly deleted: Reason;
  /** Who may not call it. */
  readonly wrong: readonly (readonly [who: string, item: Item, as: As])[];
}

const ROLE: Item = 'a caller of the wrong role';
const ABOVE: Item = 'a target entity’s certificate above its role';
const KMC_OR_ENTITY = [
  ['service kmc', ROLE, 'service kmc'],
  ['target entity', ABOVE, 'target entity'],
] as const;
const WRONG_IDS = [
  ['""', '', 'an id that is empty', 'FIELD_MISSING'],
  ['"aaaaaaaa…"', 'a'.repeat(65), 'an id that is over-long', 'FIELD_TOO_LONG'],
  ['".hidden"', '.hidden', 'an id outside its pattern', 'NAME_INVALID'],
] as const;

function ofGroup<M extends MethodShape>(rpc: OfGroup<M>): Row[] {
  const { name, group: make, ended, request, deleted, wrong, ...called } = rpc;
  const good = async (world: World) => request(world, await make(world));
  const about = (id: string, item: Item, expect: Expectation, other: (world: World) => Promise<string>) =>
    callRow<M>({
      ...called,
      id: `${id} (${name})`,
      item,
      expect,
      messages: async (world) => ({ good: await good(world), bad: await request(world, await other(world)) }),
    });
  return [
    ...WRONG_IDS.map(([shown, groupId, item, reason]) =>
      about(`group-id ${shown}`, item, refused(reason, 'group_id'), () => Promise.resolve(groupId)),
    ),
    about('unknown group', 'an unknown group', refused('NOT_FOUND'), () => Promise.resolve(freshGroupId())),
    about('deleted group', 'a deleted group', refused(deleted), ended),
    ...wrong.map(([who, item, badAs]) =>
      callRow<M>({
        ...called,
        id: `${name} by ${who}`,
        item,
        badAs,
        expect: refused('ROLE_NOT_PERMITTED'),
        messages: async (world) => {
          const bad = await good(world);
          return { good: await good(world), bad, again: bad };
        },
      }),
    ),
  ];
}

const ended =
  <M extends MethodShape>(make: (world: World) => Promise<string>, served: Served, end: M) =>
  async (world: World): Promise<string> => {
    const groupId = await make(world);
    await world.wire(served.at, served.as as 'service smf').call(end, { groupId } as RequestOf<M>, PATIENT);
    return groupId;
  };

/** The port for tokens serves none of these RPCs. */
const onTokenPort = <M extends MethodShape>(
  name: string,
  served: Served,
  method: M,
  message: (groupId: string) => RequestOf<M>,
): Row =>
  callRow<M>({
    ...served,
    id: `${name} by anybody without a certificate`,
    item: ROLE,
    clause: 'architecture, gRPC',
    method,
    badAs: (world) => Promise.resolve(world.wire('Server token')),
    expect: refused('UNIMPLEMENTED'),
    messages: async (world) => {
      const good = message(await group(world));
      return { good, bad: good, again: good };
    },
  });

export const RPC_ROWS: readonly Row[] = [
  ...ofGroup({
    ...BY_OPERATOR,
    name: 'AddMembers',
    clause: 'SMF-SRV',
    method: addMembers,
    group,
    ended: endedGroup,
    request: async (world, groupId) => ({ groupId, members: [await member(world, 3)] }),
    deleted: 'GROUP_DELETED',
    wrong: KMC_OR_ENTITY,
  }),
  ...ofGroup({
    ...BY_DEVICE,
    name: 'JoinServiceGroup',
    clause: 'SMF-GW',
    method: PnGatewayServiceService.joinServiceGroup,
    group,
    ended: endedGroup,
    request: (_world, groupId) => Promise.resolve({ groupId }),
    deleted: 'GROUP_DELETED',
    wrong: [['operator', ROLE, 'operator']],
  }),
  ...ofGroup({
    ...BY_SMF,
    name: 'UpdateGroupKey',
    clause: 'GK-UPDATE-M',
    method: updateGroupKey,
    group: keyedGroup,
    ended: ended(keyedGroup, BY_SMF, deleteGroupKey),
    request: async (world, groupId) => ({
      groupId,
      membershipRevision: 2n,
      joined: [await member(world, 3)],
      left: [],
    }),
    deleted: 'GROUP_DELETED',
    wrong: KMC_OR_ENTITY,
  }),
  ...ofGroup({
    ...BY_OSG,
    name: 'CreateKeyVersion',
    clause: 'SECCF-KMC',
    method: createKeyVersion,
    group: keyAtKmc,
    ended: ended(keyAtKmc, BY_OSG, destroyKey),
    request: (_world, groupId) => Promise.resolve({ groupId, previous: 1n, requestId: requestId() }),
    deleted: 'NOT_FOUND',
    wrong: KMC_OR_ENTITY,
  }),
  onTokenPort(
    'GroupKeyDeliveryService.PullGroupKey',
    BY_GATEWAY,
    GroupKeyDeliveryServiceService.pullGroupKey,
    (groupId) => ({ groupId, version: 0n, entity: '' }),
  ),
  onTokenPort('GetGroupKeyStatus', BY_SMF, getGroupKeyStatus, (groupId) => ({ groupId })),
];
