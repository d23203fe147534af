import { outcomeOf, reasonOf } from '@cpns/core/testing';
import { advanceKey, checkLive, checkMayReplace, type KeyEvent, type KeyStanding, type KeyState } from './key';

const key: KeyStanding = { form: 'secret', state: 'live', notAfter: 1_000, tokenId: 't1', admittedAt: 100 };

describe('the life cycle of a key', () => {
  it.each<[KeyState, KeyEvent, string]>([
    ['live', 'replace', 'replaced'],
    ['live', 'revoke', 'revoked'],
    ['revoked', 'replace', 'replaced'],
    ['revoked', 'revoke', 'revoked'],
    ['replaced', 'replace', 'KEY_REVOKED'],
    ['replaced', 'revoke', 'KEY_REVOKED'],
  ])('%s, %s: %s', (state, event, expected) => {
    expect(outcomeOf(() => advanceKey(state, event))).toBe(expected);
  });
});

describe('a live key', () => {
  it.each<[string, KeyStanding, number, string]>([
    ['live and within its time', key, 999, 'accepted'],
    ['at its end', key, 1_000, 'KEY_EXPIRED'],
    ['revoked', { ...key, state: 'revoked' }, 999, 'KEY_REVOKED'],
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
  ])('%s', (_what, current, admittedAt, now, expected) => {
    expect(reasonOf(() => checkMayReplace(current, admittedAt, now))).toBe(expected);
  });
});
