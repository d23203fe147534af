/** Changes of membership that may not be made as they stand (SMF-SRV, SMF-GW, GK-UPDATE-M). */
import { MembershipServiceService, PnGatewayServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import type { Row } from '../../phase';
import type { World } from '../../world';
import {
  BY_DEVICE,
  BY_OPERATOR,
  BY_RELAY,
  callRow,
  creation,
  group,
  groupsOf,
  member,
  members,
  resident,
  type Shown,
} from './stage';

const { createServiceGroup, addMembers, removeMembers } = ServiceGroupServiceService;
const { joinServiceGroup } = MembershipServiceService;

const NO_NAMES = ['no names (AddMembers)', 'a malformed message', 'FIELD_MISSING members'] as const;
const STRANGER = ['a stranger beside a member (RemoveMembers)', 'a stranger removed', 'MEMBER_UNKNOWN'] as const;
const TAKEN: Shown = ['id of a group that is there (CreateServiceGroup)', 'a group-id that is taken', 'ALREADY_EXISTS'];
const OTHER_PN: Shown = [
  'an E of another PN (MembershipService.JoinServiceGroup)',
  'a pull for another PN',
  'PN_MISMATCH',
];
const changes: readonly Row[] = [
  callRow(NO_NAMES, BY_OPERATOR, addMembers, async (world) => {
    const good = { groupId: await group(world), members: [await member(world, 3)] };
    return { good, bad: { ...good, members: [] } };
  }),
  callRow(STRANGER, BY_OPERATOR, removeMembers, async (world) => {
    const [first = '', second = '', stranger = ''] = await members(world, 3);
    const groupId = await group(world, [first, second]);
    const again = { groupId, members: [second] };
    return { good: { groupId, members: [first] }, bad: { groupId, members: [second, stranger] }, again };
  }),
  callRow(TAKEN, BY_OPERATOR, createServiceGroup, async (world) => {
    const good = await creation(world);
    return { good, bad: { ...good, members: await members(world, 1) } };
  }),
  callRow(OTHER_PN, BY_RELAY, joinServiceGroup, async (world) => {
    const good = { groupId: await group(world), entity: await member(world, 2) };
    return { good, bad: { ...good, entity: world.entity('pn9') } };
  }),
];

/** An operator took it out. */
const TAKEN_OUT = 'a removed member joining again';
/** What a device asks for itself, through its gateway and as that relays it. */
const joins: readonly Row[] = (
  [
    ['one member too many', 'a group over its limit', 'LIMIT_REACHED members', { maxMembers: 1 }],
    ['a group that is closed', 'a closed group joined', 'JOIN_NOT_PERMITTED', { openToJoin: false }],
    ['a group that an operator took it out of', TAKEN_OUT, 'JOIN_NOT_PERMITTED', {}],
  ] as const
).flatMap(([id, item, expect, options]) => {
  const groups = async (world: World, entity: string) => {
    const isMember = item === TAKEN_OUT;
    const groupId = await group(world, [await member(world), ...(isMember ? [entity] : [])], options);
    if (isMember) await groupsOf(world).removeMembers(groupId, [entity]);
    return { good: { groupId: await group(world, [await member(world)]) }, bad: { groupId } };
  };
  const shown = (name: string) => [`${id} (${name})`, item, expect] as const;
  return [
    callRow(shown('JoinServiceGroup'), BY_DEVICE, PnGatewayServiceService.joinServiceGroup, async (world) =>
      groups(world, (await resident(world)).entity),
    ),
    callRow(shown('MembershipService.JoinServiceGroup'), BY_RELAY, joinServiceGroup, async (world) => {
      const entity = await member(world, 2);
      const { good, bad } = await groups(world, entity);
      return { good: { ...good, entity }, bad: { ...bad, entity } };
    }),
  ];
});

export const MEMBERSHIP_ROWS: readonly Row[] = [...changes, ...joins];
