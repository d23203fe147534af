import fc from 'fast-check';
import { nextState } from '@cpns/core';
import { failureOf, outcomeOf } from '@cpns/core/testing';
import {
  advanceGroup,
  changeMembership,
  checkMembers,
  firstMembership,
  gaveUpPlace,
  GROUP_LIFE_CYCLE,
  type GroupEvent,
  type GroupState,
  joinedBy,
  leftBy,
  MEMBER_LIFE_CYCLE,
  MEMBERS_PER_CALL,
  type Membership,
  type MembershipEvent,
  type Standing,
  tookPlace,
} from './service-group';

const STANDINGS: readonly Standing[] = ['stranger', 'member', 'suspended', 'left', 'removed'];
const MEMBERSHIP_EVENTS: readonly MembershipEvent[] = ['add', 'remove', 'join', 'leave', 'end', 'suspend', 'resume'];
const GROUP_STATES: readonly GroupState[] = ['absent', 'creating', 'live', 'deleting', 'deleted'];
const GROUP_EVENTS: readonly GroupEvent[] = ['create', 'ready', 'change', 'delete', 'gone', 'refuse'];

const E = 'cpns://pn1.td.example/pne/e1';
const open: Membership = { revision: 7n, size: 3, maxMembers: 5, openToJoin: true };
const closed: Membership = { ...open, openToJoin: false };

const NOT_PERMITTED = 'JOIN_NOT_PERMITTED';
const SAME = 'as before 7 3';

const outcome = (membership: Membership, event: MembershipEvent, standing: Standing): string =>
  outcomeOf(() => {
    const { revision, size, moves } = changeMembership(membership, event, new Map([[E, standing]]));
    return `${moves[0]?.to ?? 'as before'} ${revision} ${size}`;
  });

describe('one entity', () => {
  it.each<[string, Membership, MembershipEvent, string[]]>([
    ['is added by an operator', closed, 'add', ['member 8 4', SAME, SAME, 'member 8 4', 'member 8 4']],
    [
      'is removed by an operator',
      open,
      'remove',
      ['MEMBER_UNKNOWN', 'removed 8 2', 'removed 7 3', 'removed 7 3', SAME],
    ],
    ['joins an open group', open, 'join', ['member 8 4', SAME, NOT_PERMITTED, 'member 8 4', NOT_PERMITTED]],
    ['joins a closed group', closed, 'join', [NOT_PERMITTED, SAME, NOT_PERMITTED, NOT_PERMITTED, NOT_PERMITTED]],
    ['leaves', closed, 'leave', [SAME, 'left 8 2', 'left 7 3', SAME, SAME]],
    ['has a right that ends', closed, 'end', [SAME, 'left 8 2', 'left 7 3', SAME, SAME]],
    ['has a right that rests', closed, 'suspend', [SAME, 'suspended 8 2', SAME, SAME, SAME]],
    ['has a right that counts again', closed, 'resume', [SAME, SAME, 'member 8 4', SAME, SAME]],
  ])('%s', (_what, membership, event, expected) => {
    expect(STANDINGS.map((standing) => outcome(membership, event, standing))).toEqual(expected);
  });

  it('has one row at most for a standing and an event', () => {
    const rows = MEMBER_LIFE_CYCLE.map(({ state, event }) => `${state} ${event}`);
    expect(new Set(rows).size).toBe(rows.length);
  });
});

const crowd = (count: number, standing: Standing, from = 0) =>
  Array.from({ length: count }, (_, n) => [`cpns://pn1.td.example/pne/e${from + n}`, standing] as const);

describe('a limit', () => {
  it.each<[string, MembershipEvent, readonly (readonly [string, Standing])[], unknown]>([
    ['is reached exactly', 'add', crowd(2, 'stranger'), 5],
    ['is passed', 'add', crowd(3, 'stranger'), 'LIMIT_REACHED'],
    ['counts those that come back', 'add', crowd(3, 'left'), 'LIMIT_REACHED'],
    ['does not count members again', 'add', [...crowd(3, 'member'), ...crowd(2, 'stranger', 3)], 5],
    ['is passed by one that joins', 'join', crowd(3, 'left'), 'LIMIT_REACHED'],
  ])('%s', (_what, event, standings, expected) => {
    const change = () => changeMembership(open, event, new Map(standings)).size;
    if (typeof expected === 'number') expect(change()).toBe(expected);
    else expect(failureOf(change)).toMatchObject({ reason: expected, metadata: { field: 'members', limit: '5' } });
  });

  it('never keeps a member from leaving', () => {
    const over = { ...open, size: 9 };
    expect(changeMembership(over, 'leave', new Map([[E, 'member']])).size).toBe(8);
  });

  it('does not keep out one whose place was kept', () => {
    const full = { ...closed, size: 5 };
    expect(changeMembership(full, 'resume', new Map([[E, 'suspended']])).size).toBe(6);
    expect(failureOf(() => changeMembership(full, 'add', new Map([[E, 'left']])))).toMatchObject({
      reason: 'LIMIT_REACHED',
    });
  });

  it('holds for the first members, who are revision 1 even when there are none', () => {
    const names = crowd(5, 'stranger').map(([entity]) => entity);
    expect(firstMembership(5, names)).toMatchObject({ revision: 1n, size: 5 });
    expect(firstMembership(5, [])).toEqual({ revision: 1n, size: 0, moves: [] });
    expect(failureOf(() => firstMembership(4, names))).toMatchObject({ reason: 'LIMIT_REACHED' });
  });
});

describe('a change', () => {
  it('tells who took a place and who gave one up from those whose place is kept', () => {
    const places = (event: MembershipEvent) => {
      const { moves } = changeMembership(
        open,
        event,
        new Map([
          ['m', 'member'],
          ['s', 'suspended'],
          ['l', 'left'],
        ]),
      );
      return [tookPlace(moves), gaveUpPlace(moves)];
    };
    expect(places('suspend')).toEqual([[], []]);
    expect(places('resume')).toEqual([[], []]);
    expect(places('end')).toEqual([[], ['m', 's']]);
    expect(places('remove')).toEqual([[], ['m', 's']]);
    expect(places('add')).toEqual([['l'], []]);
  });

  it('names the stranger that it fails for', () => {
    const standings = new Map<string, Standing>([...crowd(1, 'member'), ...crowd(1, 'stranger', 1)]);
    expect(failureOf(() => changeMembership(open, 'remove', standings))).toMatchObject({
      reason: 'MEMBER_UNKNOWN',
      metadata: { entity: 'cpns://pn1.td.example/pne/e1' },
    });
  });

  it('keeps the count, rises by one exactly when a member came or went, and has no effect when done twice', () => {
    const standings = fc.array(fc.constantFrom(...STANDINGS), { maxLength: 30 });
    fc.assert(
      fc.property(fc.constantFrom(...MEMBERSHIP_EVENTS), standings, (event, each) => {
        const before = new Map(
          each
            .map((standing, n) => [`e${n}`, standing] as const)
            .filter(([, standing]) => nextState(MEMBER_LIFE_CYCLE, standing, event) !== undefined),
        );
        const size = [...before.values()].filter((standing) => standing === 'member').length;
        const membership = { revision: 3n, size, maxMembers: 100, openToJoin: true };
        const change = changeMembership(membership, event, before);
        const after = new Map([...before, ...change.moves.map(({ entity, to }) => [entity, to] as const)]);
        expect(change.size).toBe([...after.values()].filter((standing) => standing === 'member').length);
        const moved = joinedBy(change.moves).length + leftBy(change.moves).length > 0;
        expect(change.revision).toBe(moved ? 4n : 3n);
        const { revision, size: sizeAfter } = change;
        const again = changeMembership({ ...membership, revision, size: sizeAfter }, event, after);
        expect(again).toEqual({ revision, size: sizeAfter, moves: [] });
      }),
    );
  });
});

describe('the life cycle of a Service Group', () => {
  // absent, creating, live, deleting, deleted: as in GROUP_STATES
  it.each<[GroupEvent, string[]]>([
    ['create', ['creating', 'ALREADY_EXISTS', 'ALREADY_EXISTS', 'ALREADY_EXISTS', 'ALREADY_EXISTS']],
    ['change', ['NOT_FOUND', 'CONFLICT', 'live', 'CONFLICT', 'GROUP_DELETED']],
    ['delete', ['NOT_FOUND', 'CONFLICT', 'deleting', 'CONFLICT', 'GROUP_DELETED']],
    ['ready', ['NOT_FOUND', 'live', 'live', 'CONFLICT', 'GROUP_DELETED']],
    ['gone', ['NOT_FOUND', 'CONFLICT', 'CONFLICT', 'deleted', 'GROUP_DELETED']],
    ['refuse', ['NOT_FOUND', 'absent', 'live', 'live', 'GROUP_DELETED']],
  ])('%s', (event, expected) => {
    expect(GROUP_STATES).toEqual(['absent', 'creating', 'live', 'deleting', 'deleted']);
    expect(GROUP_STATES.map((state) => outcomeOf(() => advanceGroup(state, event)))).toEqual(expected);
  });

  it('has one row at most for a state and an event, and none out of deleted', () => {
    const rows = GROUP_LIFE_CYCLE.map(({ state, event }) => `${state} ${event}`);
    expect(new Set(rows).size).toBe(rows.length);
    const outcomes = GROUP_EVENTS.map((event) => outcomeOf(() => advanceGroup('deleted', event)));
    expect(outcomes.filter((found) => GROUP_STATES.includes(found as GroupState))).toEqual([]);
  });
});

const TD = 'td.example';
const member = (n: number) => `cpns://pn1.${TD}/pne/e${String(n).padStart(4, '0')}`;
const members = (count: number) => Array.from({ length: count }, (_, n) => member(n));

const sizeOf = (names: readonly string[], least?: number) => outcomeOf(() => checkMembers(names, TD, least).length);

describe('the names that a call carries', () => {
  it.each<[string, readonly string[], unknown]>([
    ['none', [], 0],
    ['a PNE', [member(1)], 1],
    ['a PN GW', [`cpns://pn1.${TD}/pn-gw/gw1`], 1],
    ['the most there may be', members(MEMBERS_PER_CALL), 1_000],
    ['one more', members(MEMBERS_PER_CALL + 1), 'FIELD_TOO_LONG'],
    ['one twice', [member(1), member(2), member(1)], 'FIELD_OUT_OF_RANGE'],
    ['an empty one', [member(1), ''], 'FIELD_MISSING'],
    ['one that is longer than any', [`${member(1)}${'x'.repeat(400)}`], 'FIELD_TOO_LONG'],
    ['a service', [`cpns://${TD}/service/smf`], 'NAME_INVALID'],
    ['an operator', [`cpns://${TD}/operator/ann`], 'NAME_INVALID'],
    ['an entity with its user', [`${member(1)}?user=ann`], 'NAME_INVALID'],
    ['an entity of another trust domain', ['cpns://pn1.other.example/pne/e1'], 'TRUST_DOMAIN'],
    ['one whose pn-id would be a label of the domain', [`cpns://a.b.${TD}/pne/e1`], 'TRUST_DOMAIN'],
  ])('%s', (_what, names, expected) => {
    expect(sizeOf(names)).toBe(expected);
  });

  it('come back sorted', () => {
    const found = checkMembers([member(3), member(1), member(2)], TD).map(({ uri }) => uri);
    expect(found).toEqual([member(1), member(2), member(3)]);
  });

  it('may have to be there', () => {
    expect([sizeOf([], 1), sizeOf([member(1)], 1)]).toEqual(['FIELD_MISSING', 1]);
  });
});
