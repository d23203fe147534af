/**
 * A Service Group (SMF-SRV, SMF-GW): its parameters, its life, and how its membership changes (GK-UPDATE-M): each entity's
 * standing as data, and a change as the moves from one revision of the membership to the next.
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
  checkGroupId,
  CpnsError,
  duration,
  type EntityName,
  failedPrecondition,
  invalidArgument,
  type LifeCycle,
  nextState,
  parseEntityUri,
  permissionDenied,
} from '@cpns/core';

/** `left`: was a member and went by itself. `removed`: an operator took it out, so only an operator brings it back. */
export type Standing = 'stranger' | 'member' | 'left' | 'removed';

/** `add` and `remove` are an operator's, `join` and `leave` the entity's own. */
export type MembershipEvent = 'add' | 'remove' | 'join' | 'leave';

export const MEMBER_LIFE_CYCLE: LifeCycle<Standing, MembershipEvent> = [
  { state: 'stranger', event: 'add', next: 'member' },
  { state: 'member', event: 'add', next: 'member' },
  { state: 'left', event: 'add', next: 'member' },
  { state: 'removed', event: 'add', next: 'member' },
  { state: 'member', event: 'remove', next: 'removed' },
  { state: 'left', event: 'remove', next: 'removed' },
  { state: 'removed', event: 'remove', next: 'removed' },
  { state: 'stranger', event: 'join', next: 'member' },
  { state: 'member', event: 'join', next: 'member' },
  { state: 'left', event: 'join', next: 'member' },
  { state: 'stranger', event: 'leave', next: 'stranger' },
  { state: 'member', event: 'leave', next: 'left' },
  { state: 'left', event: 'leave', next: 'left' },
  { state: 'removed', event: 'leave', next: 'removed' },
];

/** A membership as far as the rules go by it. */
export interface Membership {
  /** Rises by one with each change. */
  readonly revision: bigint;
  /** How many members there are. */
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
/** E of each that is no member any more. */
export const leftBy = (moves: readonly Move[]): readonly string[] =>
  moves.filter(({ from }) => from === 'member').map(({ entity }) => entity);

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
  // one that shrinks is never refused, whatever its limit was lowered to
  if (joined > 0) checkRoom(size, membership.maxMembers);
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

/** How members get a new Group Key: when they need it (GK-PULL), or at once (GK-PUSH). */
export type DeliveryMode = 'pull' | 'push';

/** The parameters that the Group Key of a group depends on (GK-CREATE). */
export interface GroupDescription {
  readonly groupId: string;
  /** For people. */
  readonly displayName: string;
  readonly delivery: DeliveryMode;
  /** How long members may seal with one version of the Group Key, milliseconds. */
  readonly sealPeriod: number;
  /** How often CSKMF renews the Group Key of its own accord (GK-UPDATE-T), milliseconds; 0 means never. */
  readonly updatePeriod: number;
  /** As many members as the group may have at a time. */
  readonly maxMembers: number;
  /** Whether an entity may join by itself; otherwise only an operator adds members. */
  readonly openToJoin: boolean;
}

/** A description as it was asked for, unchecked. */
export interface DescriptionDraft extends Omit<GroupDescription, 'sealPeriod' | 'updatePeriod'> {
  readonly sealPeriod: bigint;
  readonly updatePeriod: bigint;
}

export const GROUP_LIMITS = {
  /** In characters. */
  displayName: 128,
  /** Milliseconds. A shorter period than the clocks agree to would leave members without a key to seal with. */
  sealPeriodLeast: duration(1, 'second'),
  /** Milliseconds. */
  sealPeriodMost: duration(30, 'day'),
  maxMembers: 100_000,
  /** What 0 stands for. */
  maxMembersDefault: 1_000,
} as const;

const outOfRange = (field: string, limits: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', `${field} has to be ${limits}`, { metadata: { field } });

// by code points: what a person counts as characters may be two units of UTF-16
function checkDisplayName(name: string): string {
  const { displayName: limit } = GROUP_LIMITS;
  const length = [...name].length;
  if (length > limit)
    throw invalidArgument('FIELD_TOO_LONG', `display_name has ${length} characters, ${limit} are allowed`, {
      metadata: { field: 'display_name', limit: String(limit) },
    });
  return name;
}

function checkSealPeriod(period: bigint): number {
  const { sealPeriodLeast: least, sealPeriodMost: most } = GROUP_LIMITS;
  if (period < BigInt(least) || period > BigInt(most))
    throw outOfRange('seal_period', `${least} to ${most} milliseconds`);
  return Number(period);
}

// a renewal by time needs a clock of CSKMF's own for each group (GK-UPDATE-T), which is not there yet
function checkUpdatePeriod(period: bigint): number {
  if (period !== 0n) throw outOfRange('update_period', '0: the key is renewed when members change, not by time');
  return 0;
}

function checkMaxMembers(count: number): number {
  const { maxMembers: most, maxMembersDefault } = GROUP_LIMITS;
  if (!Number.isInteger(count) || count < 0 || count > most)
    throw outOfRange('max_members', `1 to ${most}, or 0 for ${maxMembersDefault}`);
  return count === 0 ? maxMembersDefault : count;
}

/**
 * The description with its defaults filled in.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID (group_id); FIELD_TOO_LONG (display_name);
 *   FIELD_OUT_OF_RANGE (seal_period, update_period, max_members)
 */
export function checkDescription(draft: DescriptionDraft): GroupDescription {
  return {
    groupId: checkGroupId(draft.groupId, 'group_id'),
    displayName: checkDisplayName(draft.displayName),
    delivery: draft.delivery,
    sealPeriod: checkSealPeriod(draft.sealPeriod),
    updatePeriod: checkUpdatePeriod(draft.updatePeriod),
    maxMembers: checkMaxMembers(draft.maxMembers),
    openToJoin: draft.openToJoin,
  };
}
