/** Groups, and changes of their members, that may not be made as they stand (SMF-SRV, SMF-GW, GK-CREATE, GK-UPDATE-M). */
import type { MethodShape, RequestOf } from '@cpns/grpc';
import { joining, OWN_PROOFS, ownRow, secretHolder, type Shown } from '@cpns/testing/bad-input';
import type { Row } from '../../phase';
import type { World } from '../../world';
import {
  creation,
  faultRow,
  group,
  groupsOf,
  joinOf,
  member,
  members,
  PATIENT,
  resident,
  RPC,
  type Rpc,
} from './stage';

type Creation = Partial<Omit<Awaited<ReturnType<typeof creation>>, 'description'>> & { description?: undefined };
type Change = (members: readonly string[], world: World) => Creation;

const DOMAIN = 'a caller of the wrong trust domain';
const KEYLESS = 'a member without a registered key';
const tooMany: Change = (_members, world) => ({ members: Array.from({ length: 1_001 }, () => world.entity()) });
const withUser: Change = ([first]) => ({ members: [`${first}?user=alice`] });
const elsewhere: Change = () => ({ members: ['cpns://pn1.other.example/pne/lamp'] });
const twice: Change = ([first = '']) => ({ members: [first, first] });
const stranger: Change = (members, world) => ({ members: [...members, world.entity()] });

const WRONG: readonly (readonly [...Shown, change: Change])[] = [
  ['no description', 'a malformed description', 'FIELD_MISSING description', () => ({ description: undefined })],
  ['an E with a user', 'a user-info trick', 'NAME_INVALID', withUser],
  ['an E of another trust domain', DOMAIN, 'TRUST_DOMAIN', elsewhere],
  ['1,001 names', 'a message over the limit', 'FIELD_TOO_LONG members', tooMany],
  ['a name twice', 'an entity named twice', 'FIELD_OUT_OF_RANGE members', twice],
  ['a member that was never admitted', KEYLESS, 'MEMBER_WITHOUT_KEY', stranger],
];
/** CSKMF refuses what SMF proposed: it is taken back, and the reason is kept for ten minutes for a repeated call. */
const TAKEN_BACK =
  /^smf service-group\/[\w-]+ (group was changed|refusal\.[0-9a-f]{32} was added|log outbox was (added|changed))$/;

const created = <M extends MethodShape>(rpc: Rpc<M>): Row[] =>
  WRONG.map(([id, item, expect, change]) => {
    const messages = async (world: World) => {
      const [good, other] = [await creation(world), await creation(world)];
      return { good, bad: { ...other, ...change(other.members, world) } } as { good: RequestOf<M>; bad: RequestOf<M> };
    };
    const journal = item === KEYLESS ? TAKEN_BACK : undefined;
    return faultRow<M>([id, item, expect], rpc, messages, { journal });
  });

const NO_NAMES = ['no names', 'a malformed message', 'FIELD_MISSING members'] as const;
const STRANGER = ['a stranger beside a member', 'a stranger removed', 'MEMBER_UNKNOWN'] as const;
const TAKEN: Shown = ['id of a group that is there', 'a group-id that is taken', 'ALREADY_EXISTS'];
const OTHER_PN = ['an E of another PN', 'a pull for another PN', 'PN_MISMATCH'] as const;
/** By operators, and as a gateway relays it. */
const changes: readonly Row[] = [
  faultRow(NO_NAMES, RPC.addMembers, async (world) => {
    const good = { groupId: await group(world), members: [await member(world, 3)] };
    return { good, bad: { ...good, members: [] } };
  }),
  faultRow(STRANGER, RPC.removeMembers, async (world) => {
    const [first = '', second = '', stranger = ''] = await members(world, 3);
    const groupId = await group(world, [first, second]);
    const again = { groupId, members: [second] };
    return { good: { groupId, members: [first] }, bad: { groupId, members: [second, stranger] }, again };
  }),
  faultRow(TAKEN, RPC.createServiceGroup, async (world) => {
    const good = await creation(world);
    return { good, bad: { ...good, members: await members(world, 1) } };
  }),
  faultRow(OTHER_PN, RPC.relayedJoin, async (world) => {
    const good = joinOf(await group(world), await member(world, 2));
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
  const shown = [id, item, expect] as const;
  return [
    faultRow(shown, RPC.join, async (world) => groups(world, (await resident(world)).entity)),
    faultRow(shown, RPC.relayedJoin, async (world) => {
      const entity = await member(world, 2);
      const { good, bad } = await groups(world, entity);
      return { good: joinOf(good.groupId, entity), bad: joinOf(bad.groupId, entity) };
    }),
  ];
});

/** Open to join, for all rows about an entity's own proof. */
const ASKED = joining('own-proofs');
/** What a gateway makes of an entity's request to join. */
const ownProofs: readonly Row[] = OWN_PROOFS.map((one) =>
  ownRow<World>(one, {
    name: RPC.relayedJoin.name,
    at: RPC.relayedJoin.at,
    asked: ASKED,
    holder: async (world) => {
      await world.once('own-proofs', async () => group(world, [await member(world)], { groupId: 'own-proofs' }));
      return secretHolder(world);
    },
    send: (world, { entity }, { proof, body }) => {
      const request = { groupId: 'own-proofs', entity, entityRequest: body, entityProof: proof };
      return world.wire(RPC.relayedJoin.at, 'PN GW').call(RPC.relayedJoin.method, request, PATIENT);
    },
  }),
);

export const CHANGE_ROWS: readonly Row[] = [
  ...created(RPC.createServiceGroup),
  ...created(RPC.createGroupKey),
  ...changes,
  ...joins,
  ...ownProofs,
];
