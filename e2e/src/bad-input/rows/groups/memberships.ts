/** Changes of membership that nobody may make as they stand (SMF-SRV, SMF-GW, GK-UPDATE-M). */
import { MembershipServiceService, PnGatewayServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import type { Expectation, Row } from '../../row';
import type { World } from '../../world';
import { callRow, description, endedGroup, group, groupsOf, member, members, resident } from './stage';

const { createServiceGroup, addMembers, removeMembers } = ServiceGroupServiceService;
const { joinServiceGroup, leaveServiceGroup } = MembershipServiceService;

const UNKNOWN: Expectation = { code: 'FAILED_PRECONDITION', reason: 'MEMBER_UNKNOWN' };
const LIMIT: Expectation = { code: 'RESOURCE_EXHAUSTED', reason: 'LIMIT_REACHED', field: 'members' };
const NOT_PERMITTED: Expectation = { code: 'PERMISSION_DENIED', reason: 'JOIN_NOT_PERMITTED' };

const OPERATOR = { at: 'SMF certificate', as: 'operator', clause: 'SMF-SRV' } as const;

const strangers: readonly Row[] = [
  ...(['alone', 'beside a member'] as const).map((how) =>
    callRow({
      ...OPERATOR,
      id: `a stranger ${how} (RemoveMembers)`,
      item: 'a stranger removed',
      method: removeMembers,
      expect: UNKNOWN,
      messages: async (world) => {
        const [first = '', second = '', stranger = ''] = await members(world, 3);
        const groupId = await group(world, [first, second]);
        const bad = { groupId, members: how === 'alone' ? [stranger] : [second, stranger] };
        return { good: { groupId, members: [first] }, bad, again: { groupId, members: [second] } };
      },
      metadata: ({ members: names }) => ({ entity: names.at(-1) ?? '' }),
    }),
  ),
];

const limits: readonly Row[] = [
  callRow({
    ...OPERATOR,
    id: 'more first members than it may have (CreateServiceGroup)',
    item: 'a group over its limit',
    method: createServiceGroup,
    expect: LIMIT,
    messages: async (world) => {
      const two = await members(world, 2);
      return {
        good: { description: description({ maxMembers: 2 }), members: two },
        bad: { description: description({ maxMembers: 1 }), members: two },
      };
    },
  }),
  callRow({
    ...OPERATOR,
    id: 'one member too many (AddMembers)',
    item: 'a group over its limit',
    method: addMembers,
    expect: LIMIT,
    messages: async (world) => {
      const [first = '', second = '', third = ''] = await members(world, 3);
      const groupId = await group(world, [first], { maxMembers: 2 });
      return { good: { groupId, members: [second] }, bad: { groupId, members: [third] } };
    },
  }),
  callRow({
    id: 'one member too many (MembershipService.JoinServiceGroup)',
    item: 'a group over its limit',
    clause: 'SMF-GW',
    at: 'SMF certificate',
    as: 'PN GW',
    method: joinServiceGroup,
    expect: LIMIT,
    messages: async (world) => {
      const [first = '', second = '', third = ''] = await members(world, 3);
      const groupId = await group(world, [first], { maxMembers: 2, openToJoin: true });
      return { good: { groupId, entity: second }, bad: { groupId, entity: third } };
    },
  }),
  callRow({
    id: 'one member too many (JoinServiceGroup)',
    item: 'a group over its limit',
    clause: 'SMF-GW',
    at: 'gateway certificate',
    as: async (world) => (await resident(world)).wire,
    method: PnGatewayServiceService.joinServiceGroup,
    expect: LIMIT,
    messages: async (world) => {
      const first = [await member(world)];
      const [room, full] = [2, 1].map((maxMembers) => group(world, first, { maxMembers, openToJoin: true }));
      return { good: { groupId: (await room) ?? '' }, bad: { groupId: (await full) ?? '' } };
    },
  }),
];

const taken: readonly Row[] = (['a group that is there', 'a group that was deleted'] as const).map((whose) =>
  callRow({
    ...OPERATOR,
    id: `id of ${whose} (CreateServiceGroup)`,
    item: 'a group-id that is taken',
    method: createServiceGroup,
    expect: { code: 'ALREADY_EXISTS', reason: 'ALREADY_EXISTS' },
    messages: async (world) => {
      const one = await members(world, 1);
      const groupId = await (whose === 'a group that is there' ? group(world, one) : endedGroup(world, one));
      return {
        good: { description: description(), members: one },
        bad: { description: description({ groupId }), members: one },
      };
    },
  }),
);

/** What a device asks for itself, through its gateway and as that relays it. */
const joins: readonly Row[] = (
  [
    ['a group that is closed', 'a closed group joined', { openToJoin: false }],
    ['a group that an operator took it out of', 'a removed member joining again', { openToJoin: true }],
  ] as const
).flatMap(([which, item, options]) => {
  const groupFor = async (world: World, entity: string) => {
    const isClosed = item === 'a closed group joined';
    const others = [await member(world), ...(isClosed ? [] : [entity])];
    const groupId = await group(world, others, options);
    if (!isClosed) await groupsOf(world).removeMembers(groupId, [entity]);
    return groupId;
  };
  const open = async (world: World) => group(world, [await member(world)], { openToJoin: true });
  return [
    callRow({
      id: `${which} (JoinServiceGroup)`,
      item,
      clause: 'SMF-GW',
      at: 'gateway certificate',
      as: async (world) => (await resident(world)).wire,
      method: PnGatewayServiceService.joinServiceGroup,
      expect: NOT_PERMITTED,
      messages: async (world) => ({
        good: { groupId: await open(world) },
        bad: { groupId: await groupFor(world, (await resident(world)).entity) },
      }),
    }),
    callRow({
      id: `${which} (MembershipService.JoinServiceGroup)`,
      item,
      clause: 'SMF-GW',
      at: 'SMF certificate',
      as: 'PN GW',
      method: joinServiceGroup,
      expect: NOT_PERMITTED,
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

interface WrongEntity {
  readonly id: string;
  readonly item: Row['item'];
  readonly entity: (world: World) => string;
  readonly expect: Expectation;
}

const WRONG_ENTITIES: readonly WrongEntity[] = [
  {
    id: 'an empty E',
    item: 'an id that is empty',
    entity: () => '',
    expect: { code: 'INVALID_ARGUMENT', reason: 'FIELD_MISSING', field: 'entity' },
  },
  {
    id: 'what is no E',
    item: 'an id outside its pattern',
    entity: () => 'lamp',
    expect: { code: 'INVALID_ARGUMENT', reason: 'NAME_INVALID', field: 'entity' },
  },
  {
    id: 'an E of another trust domain',
    item: 'a caller of the wrong trust domain',
    entity: () => 'cpns://pn1.other.example/pne/lamp',
    expect: { code: 'PERMISSION_DENIED', reason: 'TRUST_DOMAIN' },
  },
  {
    id: 'an E of another PN',
    item: 'a pull for another PN',
    entity: (world) => world.entity('pn9'),
    expect: { code: 'PERMISSION_DENIED', reason: 'PN_MISMATCH' },
  },
];

/** Whom a gateway may speak for. */
const relayed: readonly Row[] = WRONG_ENTITIES.flatMap(({ id, item, entity, expect }) =>
  ([joinServiceGroup, leaveServiceGroup] as const).map((method) =>
    callRow({
      id: `${id} (${method.path.slice('/cpns.v1.'.length).replace('/', '.')})`,
      item,
      clause: 'protocol, Trust in a gateway',
      at: 'SMF certificate',
      as: 'PN GW',
      method,
      expect,
      messages: async (world) => {
        const [first = '', second = ''] = await members(world, 2);
        const groupId = await group(world, [first], { openToJoin: true });
        const good = { groupId, entity: method === joinServiceGroup ? second : first };
        return { good, bad: { groupId, entity: entity(world) } };
      },
    }),
  ),
);

const pages: readonly Row[] = (
  [
    ['a page of 1,001', { pageSize: 1_001, pageToken: '' }, 'FIELD_OUT_OF_RANGE'],
    ['a page token that was not given out', { pageSize: 1, pageToken: '\n' }, 'PAGE_TOKEN_INVALID'],
  ] as const
).map(([id, bad, reason]) =>
  callRow({
    ...OPERATOR,
    id: `${id} (ListServiceGroups)`,
    item: 'a malformed message',
    method: ServiceGroupServiceService.listServiceGroups,
    expect: { code: 'INVALID_ARGUMENT', reason },
    messages: () => Promise.resolve({ good: { pageSize: 1, pageToken: '' }, bad }),
  }),
);

export const MEMBERSHIP_ROWS: readonly Row[] = [...strangers, ...limits, ...taken, ...joins, ...relayed, ...pages];
