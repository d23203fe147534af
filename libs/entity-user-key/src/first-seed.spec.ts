import { reasonOf } from '@cpns/core/testing';
import { checkFirstSeedLimits, checkMayAssign, checkMayRegister, FIRST_SEED_MAX_ENTITIES } from './key';

const seed = { firstSeedId: 's1', assignUntil: 1_000, registerUntil: 2_000, maxEntities: 2, revoked: false };
const fresh = { entities: 1, known: false };

describe('a 1st seed (Q8)', () => {
  it.each([
    ['with a place left', seed, fresh, 999, 'accepted', 'accepted'],
    ['past assign-until', seed, fresh, 1_000, 'FIRST_SEED_EXPIRED', 'accepted'],
    ['past register-until', seed, fresh, 2_000, 'FIRST_SEED_EXPIRED', 'FIRST_SEED_EXPIRED'],
    ['full, for one more', seed, { entities: 2, known: false }, 999, 'FIRST_SEED_SPENT', 'FIRST_SEED_SPENT'],
    ['full, for one that it serves', seed, { entities: 2, known: true }, 999, 'accepted', 'accepted'],
    ['revoked', { ...seed, revoked: true }, fresh, 999, 'FIRST_SEED_REVOKED', 'FIRST_SEED_REVOKED'],
    [
      'revoked, for one that it serves',
      { ...seed, revoked: true },
      { entities: 1, known: true },
      999,
      'FIRST_SEED_REVOKED',
      'FIRST_SEED_REVOKED',
    ],
  ])('%s', (_what, limits, use, now, assign, register) => {
    expect(reasonOf(() => checkMayAssign(limits, use, now))).toBe(assign);
    expect(reasonOf(() => checkMayRegister(limits, use, now))).toBe(register);
  });

  const { assignUntil, registerUntil } = seed;
  it.each([
    ['as they should be', { assignUntil, registerUntil, maxEntities: 1 }, 'accepted'],
    [
      'both times the same',
      { assignUntil, registerUntil: assignUntil, maxEntities: FIRST_SEED_MAX_ENTITIES },
      'accepted',
    ],
    ['assign-until in the past', { assignUntil: 500, registerUntil, maxEntities: 1 }, 'FIELD_OUT_OF_RANGE'],
    ['register-until first', { assignUntil, registerUntil: assignUntil - 1, maxEntities: 1 }, 'FIELD_OUT_OF_RANGE'],
    ['for nobody', { assignUntil, registerUntil, maxEntities: 0 }, 'FIELD_OUT_OF_RANGE'],
    ['for too many', { assignUntil, registerUntil, maxEntities: FIRST_SEED_MAX_ENTITIES + 1 }, 'FIELD_OUT_OF_RANGE'],
    ['for a part of one', { assignUntil, registerUntil, maxEntities: 1.5 }, 'FIELD_OUT_OF_RANGE'],
  ])('limits: %s', (_what, limits, expected) => {
    expect(reasonOf(() => checkFirstSeedLimits(limits, 500))).toBe(expected);
  });
});
