/**
 * How the membership of a Service Group changes (SMF-SRV, SMF-GW, GK-UPDATE-M): each entity's standing as data, and a
 * change as the moves from one revision of the membership to the next.
 */
import { CpnsError, failedPrecondition, permissionDenied, nextState, type LifeCycle } from '@cpns/core';

/** `left`: was a member and went by itself. `removed`: an operator took it out, so only an operator brings it back. */
export const STANDINGS = ['stranger', 'member', 'left', 'removed'] as const;
export type Standing = (typeof STANDINGS)[number];

/** `add` and `remove` are an operator's, `join` and `leave` the entity's own. */
export const MEMBERSHIP_EVENTS = ['add', 'remove', 'join', 'leave'] as const;
export type MembershipEvent = (typeof MEMBERSHIP_EVENTS)[number];

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

export interface MembershipChange {
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
export function checkRoom(size: number, maxMembers: number): void {
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
