import fc from 'fast-check';
import { nextState } from '@cpns/core';
import { failureOf, outcomeOf } from '@cpns/core/testing';
import {
  advanceGroup,
  changeMembership,
  checkDescription,
  checkMembers,
  type DescriptionDraft,
  firstMembership,
  GROUP_LIFE_CYCLE,
  GROUP_LIMITS,
  type GroupEvent,
  type GroupState,
  joinedBy,
  leftBy,
  MEMBER_LIFE_CYCLE,
  MEMBERS_PER_CALL,
  type Membership,
  type MembershipEvent,
  type Standing,
} from './service-group';

const STANDINGS: readonly Standing[] = ['stranger', 'member', 'left', 'removed'];
const MEMBERSHIP_EVENTS: readonly MembershipEvent[] = ['add', 'remove', 'join', 'leave'];
const GROUP_STATES: readonly GroupState[] = ['absent', 'creating', 'live', 'deleting', 'deleted'];
const GROUP_EVENTS: readonly GroupEvent[] = ['create', 'ready', 'change', 'delete', 'gone', 'refuse'];

const E = 'cpns://pn1.td.example/pne/e1';
const open: Membership = { revision: 7n, size: 3, maxMembers: 5, openToJoin: true };
const closed: Membership = { ...open, openToJoin: false };

const NOT_PERMITTED = 'JOIN_NOT_PERMITTED';

const outcome = (membership: Membership, event: MembershipEvent, standing: Standing): string =>
  outcomeOf(() => {
    const { revision, size, moves } = changeMembership(membership, event, new Map([[E, standing]]));
    return `${moves[0]?.to ?? 'as before'} ${revision} ${size}`;
  });

describe('one entity', () => {
  it.each<[string, Membership, MembershipEvent, string[]]>([
    ['is added by an operator', closed, 'add', ['member 8 4', 'as before 7 3', 'member 8 4', 'member 8 4']],
    ['is removed by an operator', open, 'remove', ['MEMBER_UNKNOWN', 'removed 8 2', 'removed 7 3', 'as before 7 3']],
    ['joins an open group', open, 'join', ['member 8 4', 'as before 7 3', 'member 8 4', NOT_PERMITTED]],
    ['joins a closed group', closed, 'join', [NOT_PERMITTED, 'as before 7 3', NOT_PERMITTED, NOT_PERMITTED]],
    ['leaves', closed, 'leave', ['as before 7 3', 'left 8 2', 'as before 7 3', 'as before 7 3']],
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

  it('holds for the first members, who are revision 1 even when there are none', () => {
    const names = crowd(5, 'stranger').map(([entity]) => entity);
    expect(firstMembership(5, names)).toMatchObject({ revision: 1n, size: 5 });
    expect(firstMembership(5, [])).toEqual({ revision: 1n, size: 0, moves: [] });
    expect(failureOf(() => firstMembership(4, names))).toMatchObject({ reason: 'LIMIT_REACHED' });
  });
});

describe('a change', () => {
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

const draft: DescriptionDraft = {
  groupId: 'g1',
  displayName: 'Fire brigade',
  delivery: 'pull',
  sealPeriod: 86_400_000n,
  updatePeriod: 0n,
  maxMembers: 0,
  openToJoin: false,
};

const drafted = (changed: Partial<DescriptionDraft>): string => {
  const refusal = failureOf(() => checkDescription({ ...draft, ...changed }));
  return refusal === undefined ? 'accepted' : `${refusal.reason} ${refusal.metadata.field}`;
};

describe('a group description', () => {
  it('comes back with its defaults, periods as numbers', () => {
    expect(checkDescription(draft)).toEqual({ ...draft, sealPeriod: 86_400_000, updatePeriod: 0, maxMembers: 1_000 });
    const other = { delivery: 'push', maxMembers: 7, openToJoin: true } as const;
    expect(checkDescription({ ...draft, ...other })).toMatchObject(other);
  });

  it.each<[string, Partial<DescriptionDraft>, string]>([
    ['no id', { groupId: '' }, 'FIELD_MISSING group_id'],
    ['an id of 64 characters', { groupId: 'g'.repeat(64) }, 'accepted'],
    ['an id of 65 characters', { groupId: 'g'.repeat(65) }, 'FIELD_TOO_LONG group_id'],
    ['an id that begins with a dot', { groupId: '.g' }, 'NAME_INVALID group_id'],
    ['an id with a slash', { groupId: 'a/b' }, 'NAME_INVALID group_id'],
    ['no name for people', { displayName: '' }, 'accepted'],
    ['a name of 128 characters', { displayName: '☃'.repeat(128) }, 'accepted'],
    ['a name of 128 characters outside the BMP', { displayName: '🚒'.repeat(128) }, 'accepted'],
    ['a name of 129 characters', { displayName: 'n'.repeat(129) }, 'FIELD_TOO_LONG display_name'],
    ['no seal period', { sealPeriod: 0n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['a seal period below a second', { sealPeriod: 999n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['a seal period of a second', { sealPeriod: 1_000n }, 'accepted'],
    ['a seal period of 30 days', { sealPeriod: 2_592_000_000n }, 'accepted'],
    ['a longer seal period', { sealPeriod: 2_592_000_001n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['a seal period beyond any number', { sealPeriod: 2n ** 64n - 1n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['a renewal by time', { updatePeriod: 60_000n }, 'FIELD_OUT_OF_RANGE update_period'],
    ['one member at most', { maxMembers: 1 }, 'accepted'],
    ['100,000 members at most', { maxMembers: GROUP_LIMITS.maxMembers }, 'accepted'],
    ['more members', { maxMembers: 100_001 }, 'FIELD_OUT_OF_RANGE max_members'],
    ['fewer than none', { maxMembers: -1 }, 'FIELD_OUT_OF_RANGE max_members'],
    ['half a member', { maxMembers: 1.5 }, 'FIELD_OUT_OF_RANGE max_members'],
  ])('with %s', (_what, changed, expected) => {
    expect(drafted(changed)).toBe(expected);
  });
});
