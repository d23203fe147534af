import type { CpnsError } from '@cpns/core';
import { reasonOf } from '@cpns/core/testing';
import {
  ADMISSION_LIFE_CYCLE,
  advanceAdmission,
  checkClaim,
  checkNotExpired,
  checkNotRevoked,
  type AdmissionEvent,
  type AdmissionState,
} from './admission';

const STATES: readonly AdmissionState[] = ['open', 'assigned', 'registered', 'revoked'];
const EVENTS: readonly AdmissionEvent[] = ['assign', 'register', 'revoke'];

describe('the life cycle of an admission', () => {
  const expected: Record<string, string> = {
    'open assign': 'assigned',
    'open register': 'registered',
    'open revoke': 'revoked',
    'assigned assign': 'TOKEN_SPENT',
    'assigned register': 'registered',
    'assigned revoke': 'revoked',
    'registered assign': 'TOKEN_SPENT',
    'registered register': 'TOKEN_SPENT',
    'registered revoke': 'revoked',
    'revoked assign': 'TOKEN_REVOKED',
    'revoked register': 'TOKEN_REVOKED',
    'revoked revoke': 'revoked',
  };
  const pairs = STATES.flatMap((state) => EVENTS.map((event) => [state, event] as const));

  it.each(pairs)('%s, %s', (state, event) => {
    const outcome = (() => {
      try {
        return advanceAdmission(state, event);
      } catch (error) {
        return (error as CpnsError).reason;
      }
    })();
    expect(outcome).toBe(expected[`${state} ${event}`]);
  });

  it('has one row for a pair at most', () => {
    const keys = ADMISSION_LIFE_CYCLE.map(({ state, event }) => `${state} ${event}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('a claim held against its admission', () => {
  const server = 'cpns://td.example/service/cpns-server';
  const admission = {
    tokenId: 't1',
    entity: 'cpns://pn1.td.example/pne/a',
    user: 'u1',
    form: 'secret' as const,
    assigner: server,
    state: 'open' as const,
    expiresAt: 1_000,
  };
  const claim = { entity: admission.entity, user: 'u1', form: 'secret' as const };

  it.each([
    ['as admitted', claim, server, 'accepted'],
    ['another entity', { ...claim, entity: 'cpns://pn1.td.example/pne/b' }, server, 'TOKEN_OTHER_ENTITY'],
    ['the same id in another PN', { ...claim, entity: 'cpns://pn2.td.example/pne/a' }, server, 'TOKEN_OTHER_ENTITY'],
    ['another user', { ...claim, user: 'u2' }, server, 'TOKEN_OTHER_ENTITY'],
    ['no user where one is admitted', { ...claim, user: '' }, server, 'TOKEN_OTHER_ENTITY'],
    ['the other assigner', claim, 'cpns://pn1.td.example/pn-gw/gw', 'TOKEN_OTHER_ASSIGNER'],
    ['the other form', { ...claim, form: 'key-pair' as const }, server, 'TOKEN_OTHER_FORM'],
  ])('%s: %s', (_what, given, assigner, reason) => {
    expect(reasonOf(() => checkClaim(admission, given, assigner))).toBe(reason);
  });

  it.each([
    [999, 'accepted'],
    [1_000, 'TOKEN_EXPIRED'],
    [1_001, 'TOKEN_EXPIRED'],
  ])('a token that ends at 1,000, at %i: %s', (now, reason) => {
    expect(reasonOf(() => checkNotExpired(admission.expiresAt, now))).toBe(reason);
  });

  it.each(STATES)('state %s is refused exactly when revoked', (state) => {
    expect(reasonOf(() => checkNotRevoked(state))).toBe(state === 'revoked' ? 'TOKEN_REVOKED' : 'accepted');
  });
});
