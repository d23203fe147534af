/** Changes of membership that may not be made as they stand (SMF-SRV, SMF-GW, GK-UPDATE-M). */
import { MembershipServiceService, PnGatewayServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import type { Row } from '../../row';
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
  refused,
  resident,
} from './stage';

const { createServiceGroup, addMembers, removeMembers } = ServiceGroupServiceService;
const { joinServiceGroup } = MembershipServiceService;

const changes: readonly Row[] = [
  callRow({
    ...BY_OPERATOR,
    id: 'no names (AddMembers)',
    item: 'a malformed message',
    clause: 'GK-UPDATE-M',
    method: addMembers,
    expect: refused('FIELD_MISSING', 'members'),
    messages: async (world) => {
      const good = { groupId: await group(world), members: [await member(world, 3)] };
      return { good, bad: { ...good, members: [] } };
    },
  }),
  callRow({
    ...BY_OPERATOR,
    id: 'a stranger beside a member (RemoveMembers)',
    item: 'a stranger removed',
    clause: 'SMF-SRV',
    method: removeMembers,
    expect: refused('MEMBER_UNKNOWN'),
    messages: async (world) => {
      const [first = '', second = '', stranger = ''] = await members(world, 3);
      const groupId = await group(world, [first, second]);
      const again = { groupId, members: [second] };
      return { good: { groupId, members: [first] }, bad: { groupId, members: [second, stranger] }, again };
    },
  }),
  callRow({
    ...BY_OPERATOR,
    id: 'id of a group that is there (CreateServiceGroup)',
    item: 'a group-id that is taken',
    clause: 'SMF-SRV',
    method: createServiceGroup,
    expect: refused('ALREADY_EXISTS'),
    messages: async (world) => {
      const good = await creation(world);
      return { good, bad: { ...good, members: await members(world, 1) } };
    },
  }),
  callRow({
    ...BY_RELAY,
    id: 'an E of another PN (MembershipService.JoinServiceGroup)',
    item: 'a pull for another PN',
    clause: 'protocol, Trust in a gateway',
    method: joinServiceGroup,
    expect: refused('PN_MISMATCH'),
    messages: async (world) => {
      const good = { groupId: await group(world), entity: await member(world, 2) };
      return { good, bad: { ...good, entity: world.entity('pn9') } };
    },
  }),
];

/** What a device asks for itself, through its gateway and as that relays it. */
const joins: readonly Row[] = (
  [
    ['one member too many', 'a group over its limit', refused('LIMIT_REACHED', 'members'), { maxMembers: 1 }],
    ['a group that is closed', 'a closed group joined', refused('JOIN_NOT_PERMITTED'), { openToJoin: false }],
    ['a group that an operator took it out of', 'a removed member joining again', refused('JOIN_NOT_PERMITTED'), {}],
  ] as const
).flatMap(([id, item, expect, options]) => {
  const shown = { item, expect, clause: 'SMF-GW' };
  const groupFor = async (world: World, entity: string) => {
    const isRemoved = item === 'a removed member joining again';
    const groupId = await group(world, [await member(world), ...(isRemoved ? [entity] : [])], options);
    if (isRemoved) await groupsOf(world).removeMembers(groupId, [entity]);
    return groupId;
  };
  const open = async (world: World) => group(world, [await member(world)]);
  return [
    callRow({
      ...BY_DEVICE,
      ...shown,
      id: `${id} (JoinServiceGroup)`,
      method: PnGatewayServiceService.joinServiceGroup,
      messages: async (world) => ({
        good: { groupId: await open(world) },
        bad: { groupId: await groupFor(world, (await resident(world)).entity) },
      }),
    }),
    callRow({
      ...BY_RELAY,
      ...shown,
      id: `${id} (MembershipService.JoinServiceGroup)`,
      method: joinServiceGroup,
      messages: async (world) => {
        const entity = await member(world, 2);
        return {
          good: { groupId: await open(world), entity },
          bad: { groupId: await groupFor(world, entity), entity },
        };
      },
    }),
  ];
});

export const MEMBERSHIP_ROWS: readonly Row[] = [...changes, ...joins];
