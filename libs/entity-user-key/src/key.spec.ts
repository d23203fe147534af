import { faultOf, outcomeOf, reasonOf } from '@cpns/core/testing';
import {
  advanceKey,
  checkFirstSeedLimits,
  checkLive,
  checkMayAssign,
  checkMayRegister,
  checkMayReplace,
  FIRST_SEED_MAX_ENTITIES,
  type KeyEvent,
  type KeyStanding,
  type KeyState,
  takePlaces,
} from './key';

const key: KeyStanding = { form: 'secret', state: 'live', notAfter: 1_000, tokenId: 't1', admittedAt: 100 };

describe('the life cycle of a key', () => {
  it.each<[KeyState, KeyEvent, string]>([
    ['live', 'replace', 'replaced'],
    ['live', 'revoke', 'revoked'],
    ['live', 'suspend', 'suspended'],
    ['live', 'resume', 'live'],
    ['suspended', 'replace', 'KEY_REVOKED'],
    ['suspended', 'revoke', 'revoked'],
    ['suspended', 'suspend', 'suspended'],
    ['suspended', 'resume', 'live'],
    ['revoked', 'replace', 'replaced'],
    ['revoked', 'revoke', 'revoked'],
    ['revoked', 'suspend', 'KEY_REVOKED'],
    ['revoked', 'resume', 'revoked'],
    ['replaced', 'replace', 'KEY_REVOKED'],
    ['replaced', 'revoke', 'KEY_REVOKED'],
    ['replaced', 'suspend', 'KEY_REVOKED'],
    ['replaced', 'resume', 'KEY_REVOKED'],
  ])('%s, %s: %s', (state, event, expected) => {
    expect(outcomeOf(() => advanceKey(state, event))).toBe(expected);
  });
});

describe('a live key', () => {
  it.each<[string, KeyStanding, number, string]>([
    ['live and within its time', key, 999, 'accepted'],
    ['at its end', key, 1_000, 'KEY_EXPIRED'],
    ['revoked', { ...key, state: 'revoked' }, 999, 'KEY_REVOKED'],
    ['suspended', { ...key, state: 'suspended' }, 999, 'KEY_SUSPENDED'],
    ['suspended, at its end', { ...key, state: 'suspended' }, 1_000, 'KEY_SUSPENDED'],
    ['replaced', { ...key, state: 'replaced' }, 999, 'KEY_REVOKED'],
  ])('%s', (_what, given, now, expected) => {
    expect(reasonOf(() => checkLive(given, now))).toBe(expected);
  });
});

describe('what may take the place of a key', () => {
  it.each<[string, KeyStanding | undefined, number, number, string]>([
    ['a first key', undefined, 1, 500, 'accepted'],
    ['a younger token', key, 101, 500, 'accepted'],
    ['an older token', key, 99, 500, 'LIVE_KEY'],
    ['a token of the same time', key, 100, 500, 'LIVE_KEY'],
    ['an older token once the key has ended', key, 99, 1_000, 'accepted'],
    ['an older token after a revocation', { ...key, state: 'revoked' }, 99, 500, 'LIVE_KEY'],
    ['a younger token after a revocation', { ...key, state: 'revoked' }, 101, 500, 'accepted'],
    ['a younger token while it is suspended', { ...key, state: 'suspended' }, 101, 500, 'KEY_SUSPENDED'],
    ['a token once the suspended key has ended', { ...key, state: 'suspended' }, 101, 1_000, 'KEY_SUSPENDED'],
  ])('%s', (_what, current, admittedAt, now, expected) => {
    expect(reasonOf(() => checkMayReplace(current, admittedAt, now))).toBe(expected);
  });
});

const seed = { firstSeedId: 's1', assignUntil: 1_000, registerUntil: 2_000, maxEntities: 2, revoked: false };
const fresh = { entities: 1, known: false };

const served = { entities: 1, known: true };
const revoked = { ...seed, revoked: true };
const [EXPIRED, SPENT, REVOKED] = ['FIRST_SEED_EXPIRED', 'FIRST_SEED_SPENT', 'FIRST_SEED_REVOKED'];

describe('a 1st seed (Q8)', () => {
  it.each([
    ['with a place left', seed, fresh, 999, 'accepted', 'accepted'],
    ['past assign-until', seed, fresh, 1_000, EXPIRED, 'accepted'],
    ['past register-until', seed, fresh, 2_000, EXPIRED, EXPIRED],
    ['full, for one more', seed, { entities: 2, known: false }, 999, SPENT, SPENT],
    ['full, for one that it serves', seed, { entities: 2, known: true }, 999, 'accepted', 'accepted'],
    ['revoked', revoked, fresh, 999, REVOKED, REVOKED],
    ['revoked, for one that it serves', revoked, served, 999, REVOKED, REVOKED],
  ])('%s', (_what, limits, use, now, assign, register) => {
    expect(reasonOf(() => checkMayAssign(limits, use, now))).toBe(assign);
    expect(reasonOf(() => checkMayRegister(limits, use, now))).toBe(register);
  });

  const { assignUntil, registerUntil } = seed;
  it.each([
    ['as they should be', {}, 'accepted'],
    ['both times the same', { registerUntil: assignUntil, maxEntities: FIRST_SEED_MAX_ENTITIES }, 'accepted'],
    ['assign-until in the past', { assignUntil: 500 }, 'FIELD_OUT_OF_RANGE assign_until'],
    ['register-until first', { registerUntil: assignUntil - 1 }, 'FIELD_OUT_OF_RANGE register_until'],
    ['for none', { maxEntities: 0 }, 'FIELD_OUT_OF_RANGE max_entities'],
    ['for too many', { maxEntities: FIRST_SEED_MAX_ENTITIES + 1 }, 'FIELD_OUT_OF_RANGE max_entities'],
    ['for a part of one', { maxEntities: 1.5 }, 'FIELD_OUT_OF_RANGE max_entities'],
  ])('limits: %s', (_what, change, expected) => {
    const limits = { assignUntil, registerUntil, maxEntities: 1, ...change };
    expect(faultOf(() => checkFirstSeedLimits(limits, 500))).toBe(expected);
  });

  it.each<[string, string[], string[], number, string[], string[]]>([
    ['as many as there are', ['a', 'b'], [], 0, ['a', 'b'], []],
    ['one more', ['a', 'b', 'c'], [], 0, ['a', 'b'], ['c']],
    ['one that waits twice takes one', ['a', 'a', 'b'], [], 0, ['a', 'b'], []],
    ['one that has its place takes none', ['x', 'a', 'b'], ['x'], 1, ['a'], ['b']],
    ['one that has its place keeps it when all are taken', ['x', 'a'], ['x'], 2, [], ['a']],
  ])('places: %s', (_what, members, holders, taken, added, spent) => {
    const places = takePlaces(members, { served: new Set(holders), taken }, (use) => checkMayAssign(seed, use, 999));
    expect(places.added).toEqual(added);
    expect([...places.refused].map(([member, { reason }]) => [member, reason])).toEqual(
      spent.map((member) => [member, SPENT]),
    );
  });

  it('does not take a fault of ours for a refusal', () => {
    const fault = () => {
      throw new RangeError('broken');
    };
    expect(() => takePlaces(['a'], { served: new Set(), taken: 0 }, fault)).toThrow(RangeError);
  });
});
