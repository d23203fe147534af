/**
 * A Service Group (SMF-SRV, SMF-GW): its life, and how its membership changes (GK-UPDATE-M): each entity's standing as data,
 * and a change as the moves from one revision of the membership to the next.
 *
 * The life of a Service Group, as data. A group and its Group Key come and go together: what SMF proposes holds
 * once CSKMF said that the key is ready (FLOW-PULL and FLOW-PUSH steps 1 to 6), and is taken back when CSKMF refuses.
 *
 * ```
 *   absent --create--> creating --ready--> live --delete--> deleting --gone--> deleted
 *      ^                  |                ^ | ^               |
 *      +-----refuse-------+          change+-+ +----refuse-----+
 * ```
 */
import {
  CpnsError,
  type EntityName,
  failedPrecondition,
  invalidArgument,
  type LifeCycle,
  nextState,
  parseEntityUri,
  permissionDenied,
} from '@cpns/core';

/**
 * `suspended`: its place is kept while its right rests, and it is given no key. `left`: was a member and went by itself, or its
 * right ended. `removed`: an operator took it out, so only an operator brings it back.
 */
export type Standing = 'stranger' | 'member' | 'suspended' | 'left' | 'removed';

/** `add` and `remove` are an operator's, `join` and `leave` the entity's own; the others follow from what its right is. */
export type MembershipEvent = 'add' | 'remove' | 'join' | 'leave' | RightEvent;

/** A right ended for good, rests, or counts again. */
export type RightEvent = 'end' | 'suspend' | 'resume';

export const MEMBER_LIFE_CYCLE: LifeCycle<Standing, MembershipEvent> = [
  { state: 'stranger', event: 'add', next: 'member' },
  { state: 'member', event: 'add', next: 'member' },
  { state: 'left', event: 'add', next: 'member' },
  { state: 'removed', event: 'add', next: 'member' },
  { state: 'suspended', event: 'add', next: 'suspended' },
  { state: 'member', event: 'remove', next: 'removed' },
  { state: 'left', event: 'remove', next: 'removed' },
  { state: 'removed', event: 'remove', next: 'removed' },
  { state: 'suspended', event: 'remove', next: 'removed' },
  { state: 'stranger', event: 'join', next: 'member' },
  { state: 'member', event: 'join', next: 'member' },
  { state: 'left', event: 'join', next: 'member' },
  { state: 'stranger', event: 'leave', next: 'stranger' },
  { state: 'member', event: 'leave', next: 'left' },
  { state: 'left', event: 'leave', next: 'left' },
  { state: 'removed', event: 'leave', next: 'removed' },
  { state: 'suspended', event: 'leave', next: 'left' },
  { state: 'stranger', event: 'end', next: 'stranger' },
  { state: 'member', event: 'end', next: 'left' },
  { state: 'suspended', event: 'end', next: 'left' },
  { state: 'left', event: 'end', next: 'left' },
  { state: 'removed', event: 'end', next: 'removed' },
  { state: 'stranger', event: 'suspend', next: 'stranger' },
  { state: 'member', event: 'suspend', next: 'suspended' },
  { state: 'suspended', event: 'suspend', next: 'suspended' },
  { state: 'left', event: 'suspend', next: 'left' },
  { state: 'removed', event: 'suspend', next: 'removed' },
  { state: 'stranger', event: 'resume', next: 'stranger' },
  { state: 'member', event: 'resume', next: 'member' },
  { state: 'suspended', event: 'resume', next: 'member' },
  { state: 'left', event: 'resume', next: 'left' },
  { state: 'removed', event: 'resume', next: 'removed' },
];

/** Whether an entity has a place in the group. */
export const hasPlace = (standing: Standing): boolean => standing === 'member' || standing === 'suspended';

/** A membership as far as the rules go by it. */
export interface Membership {
  /** Rises by one with each change. */
  readonly revision: bigint;
  /** How many members there are, without those that are suspended. */
  readonly size: number;
  readonly maxMembers: number;
  readonly openToJoin: boolean;
}

/** One entity's change of standing. */
export interface Move {
  /** E */
  readonly entity: string;
  readonly from: Standing;
  readonly to: Standing;
}

interface MembershipChange {
  /** After the change. The same as before where no entity became or ceased to be a member: no new Group Key is needed. */
  readonly revision: bigint;
  readonly size: number;
  /** Those whose standing changes; none when all is so already. */
  readonly moves: readonly Move[];
}

/** E of each that becomes a member. */
export const joinedBy = (moves: readonly Move[]): readonly string[] =>
  moves.filter(({ to }) => to === 'member').map(({ entity }) => entity);
/** E of each that is no member any more, be it that its place is kept. */
export const leftBy = (moves: readonly Move[]): readonly string[] =>
  moves.filter(({ from }) => from === 'member').map(({ entity }) => entity);
/** E of each that has no place any more. */
export const gaveUpPlace = (moves: readonly Move[]): readonly string[] =>
  moves.filter(({ from, to }) => hasPlace(from) && !hasPlace(to)).map(({ entity }) => entity);
/** E of each that has a place, and had none. */
export const tookPlace = (moves: readonly Move[]): readonly string[] =>
  moves.filter(({ from, to }) => !hasPlace(from) && hasPlace(to)).map(({ entity }) => entity);

const notPermitted = () =>
  permissionDenied('JOIN_NOT_PERMITTED', 'only an operator adds this entity to the Service Group');

function refusal(event: MembershipEvent, entity: string): CpnsError {
  if (event === 'join') return notPermitted();
  return failedPrecondition('MEMBER_UNKNOWN', 'an entity to be removed never was a member of the Service Group', {
    metadata: { entity },
  });
}

function moveOf(event: MembershipEvent, entity: string, from: Standing, membership: Membership): Move {
  const to = nextState(MEMBER_LIFE_CYCLE, from, event);
  if (to === undefined) throw refusal(event, entity);
  if (event === 'join' && from !== to && !membership.openToJoin) throw notPermitted();
  return { entity, from, to };
}

/**
 * What an event makes of a membership.
 * @param standings of each entity that the event is about, by E
 * @throws CpnsError MEMBER_UNKNOWN when a stranger is to be removed; JOIN_NOT_PERMITTED when an entity may not join by
 *   itself; LIMIT_REACHED when the group would have more members than it may
 */
export function changeMembership(
  membership: Membership,
  event: MembershipEvent,
  standings: ReadonlyMap<string, Standing>,
): MembershipChange {
  const moves = [...standings]
    .map(([entity, standing]) => moveOf(event, entity, standing, membership))
    .filter(({ from, to }) => from !== to);
  const [joined, left] = [joinedBy(moves).length, leftBy(moves).length];
  const size = membership.size + joined - left;
  // one that shrinks is never refused, whatever its limit was lowered to, and a place that was kept is there
  if (joined > 0 && event !== 'resume') checkRoom(size, membership.maxMembers);
  return { revision: joined + left > 0 ? membership.revision + 1n : membership.revision, size, moves };
}

/** @throws CpnsError LIMIT_REACHED */
function checkRoom(size: number, maxMembers: number): void {
  if (size > maxMembers)
    throw new CpnsError('LIMIT_REACHED', `the Service Group would have ${size} members, ${maxMembers} are allowed`, {
      metadata: { field: 'members', limit: String(maxMembers) },
    });
}

/**
 * The first revision of a membership, with which a group is made; it may be empty.
 * @param entities E of each, none twice
 * @throws CpnsError LIMIT_REACHED
 */
export function firstMembership(maxMembers: number, entities: readonly string[]): MembershipChange {
  checkRoom(entities.length, maxMembers);
  return {
    revision: 1n,
    size: entities.length,
    moves: entities.map((entity) => ({ entity, from: 'stranger', to: 'member' })),
  };
}

/** `absent`: never made, or refused when it was to be made, so that its id is free. `deleted` is for good. */
export type GroupState = 'absent' | 'creating' | 'live' | 'deleting' | 'deleted';

/** `create`, `change` and `delete` are proposed; `ready`, `gone` and `refuse` are what CSKMF says to it. */
export type GroupEvent = 'create' | 'ready' | 'change' | 'delete' | 'gone' | 'refuse';

export const GROUP_LIFE_CYCLE: LifeCycle<GroupState, GroupEvent> = [
  { state: 'absent', event: 'create', next: 'creating' },
  { state: 'creating', event: 'ready', next: 'live' },
  { state: 'creating', event: 'refuse', next: 'absent' },
  { state: 'live', event: 'change', next: 'live' },
  { state: 'live', event: 'ready', next: 'live' },
  { state: 'live', event: 'refuse', next: 'live' },
  { state: 'live', event: 'delete', next: 'deleting' },
  { state: 'deleting', event: 'gone', next: 'deleted' },
  { state: 'deleting', event: 'refuse', next: 'live' },
];

/** What an event that has no row means to its caller. */
function stateRefusal(state: GroupState, event: GroupEvent): CpnsError {
  if (event === 'create')
    return new CpnsError('ALREADY_EXISTS', 'a Service Group of this id exists or existed: choose another id');
  if (state === 'deleted')
    return failedPrecondition('GROUP_DELETED', 'the Service Group was deleted; its id is never used again');
  if (state === 'absent') return new CpnsError('NOT_FOUND', 'no Service Group of this id');
  return new CpnsError('CONFLICT', 'the Service Group is being made or deleted: try again');
}

/**
 * The state after an event.
 * @throws CpnsError ALREADY_EXISTS (create), GROUP_DELETED, NOT_FOUND, CONFLICT (another change is under way)
 */
export function advanceGroup(state: GroupState, event: GroupEvent): GroupState {
  const next = nextState(GROUP_LIFE_CYCLE, state, event);
  if (next === undefined) throw stateRefusal(state, event);
  return next;
}

/** As many names as one call carries. */
export const MEMBERS_PER_CALL = 1_000;

/** E of an entity of this trust domain. @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID, TRUST_DOMAIN */
export function checkMember(text: string, trustDomain: string, field: string): EntityName {
  const name = parseEntityUri(text, field);
  if (name.trustDomain !== trustDomain)
    throw permissionDenied('TRUST_DOMAIN', `${field}: only entities of ${trustDomain} are members`, {
      metadata: { field },
    });
  return name;
}

/**
 * The names that a call carries, sorted: their order has no meaning.
 * @param least how many there have to be
 * @throws CpnsError FIELD_MISSING (fewer), FIELD_TOO_LONG (over 1,000), FIELD_OUT_OF_RANGE (one twice); as {@link checkMember}
 */
export function checkMembers(names: readonly string[], trustDomain: string, least = 0): readonly EntityName[] {
  const field = 'members';
  if (names.length < least) throw invalidArgument('FIELD_MISSING', `${field} is empty`, { metadata: { field } });
  if (names.length > MEMBERS_PER_CALL)
    throw invalidArgument('FIELD_TOO_LONG', `${field} has ${names.length} names, ${MEMBERS_PER_CALL} are allowed`, {
      metadata: { field, limit: String(MEMBERS_PER_CALL) },
    });
  const checked = names.map((name) => checkMember(name, trustDomain, field));
  if (new Set(names).size < names.length)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} names an entity twice`, { metadata: { field } });
  return checked.sort((a, b) => (a.uri < b.uri ? -1 : 1));
}
