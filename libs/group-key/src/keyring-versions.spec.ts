import { failureOf, outcomeOf, reasonOf } from '@cpns/core/testing';
import {
  acceptStatement,
  emptyKeyring,
  type Keyring,
  missingVersion,
  nextRetirement,
  openableVersion,
  pruneRetired,
  sealableVersion,
} from './keyring';
import { GRACE_MS } from './statement';
import { at, ended, GROUP, holding, madeAt, numbersOf, take, told, version } from './testing/keyrings';

describe('versions that are prepared', () => {
  const now = at(3n) + 50_000;
  const prepared = () => holding(3n, 4n, 5n);
  const removed = () => madeAt(prepared(), 6n, now);

  it.each<[string, Keyring, number, bigint | string]>([
    ['each in its time', prepared(), at(4n) - 1, 3n],
    ['each in its time, from activate-at on', prepared(), at(4n), 4n],
    ['up to the newest', prepared(), at(5n), 5n],
    ['none of them once a member was removed', removed(), now, 6n],
    ['none of them at their own times either', removed(), at(5n), 6n],
    ['the one before, by a clock behind', removed(), now - 1, 3n],
    ['what was prepared after the removal, in its time', madeAt(removed(), 7n, now + 10_000), now + 10_000, 7n],
    ['the removal until then', madeAt(removed(), 7n, now + 10_000), now + 9_999, 6n],
  ])('are sealed with %s', (_what, keyring, moment, expected) => {
    expect(outcomeOf(() => sealableVersion(keyring, moment).statement.version)).toBe(expected);
  });

  it.each<[string, bigint, number, string]>([
    ['the active one in its grace', 3n, now + GRACE_MS - 1, 'accepted'],
    ['the active one after it', 3n, now + GRACE_MS, 'VERSION_RETIRED'],
    ['a discarded one in its grace: another’s clock was ahead', 4n, now + GRACE_MS - 1, 'accepted'],
    ['a discarded one after it', 4n, now + GRACE_MS, 'VERSION_RETIRED'],
    ['a discarded one at its own activate-at', 5n, at(5n), 'VERSION_RETIRED'],
    ['the removal', 6n, at(9n), 'accepted'],
  ])('open after a removal: %s', (_what, number, moment, expected) => {
    expect(reasonOf(() => openableVersion(removed(), number, moment))).toBe(expected);
  });

  it('go together once they were discarded', () => {
    expect(nextRetirement(removed())).toBe(now + GRACE_MS);
    const before = removed();
    expect(pruneRetired(before, now + GRACE_MS - 1)).toBe(before);
    const pruned = pruneRetired(before, now + GRACE_MS);
    expect(numbersOf(pruned)).toEqual([6n]);
    expect(pruned.retiredThrough).toBe(5n);
    expect(before.versions[2]?.groupKey?.expose().equals(Buffer.alloc(32))).toBe(true);
  });

  it('name the time of the first of them while none is active', () => {
    const { metadata } = failureOf(() => sealableVersion(prepared(), at(3n) - 1)) ?? {};
    expect(metadata).toMatchObject({ version: '3', activate_at: String(at(3n)) });
  });
});

describe('a version that is not known', () => {
  const behind = () => holding(3n, 5n);

  it.each<[string, Keyring, number, string]>([
    ['is not passed over while the next one waits: it may be a removal', behind(), at(5n) - 1, 'GROUP_KEY_UNKNOWN'],
    ['matters no more once the next one is active', behind(), at(5n), 'accepted'],
    ['is none where numbers follow each other', holding(3n, 4n), at(4n) - 1, 'accepted'],
    ['below all that is known is of no use', holding(5n), at(5n) - 1, 'VERSION_NOT_ACTIVE'],
  ])('%s', (_what, keyring, now, expected) => {
    expect(reasonOf(() => sealableVersion(keyring, now))).toBe(expected);
  });

  it('is named', () => {
    expect(failureOf(() => sealableVersion(behind(), at(5n) - 1))?.metadata).toEqual({ group: GROUP, version: '4' });
  });

  const over = version(3n).statement.sealUntil + 1;
  const late = { activateAt: over + 100_000, sealUntil: over + 1_000_000 };
  const waiting = () => take(holding(3n), version(4n, late));
  it.each<[string, Keyring, number, bigint | undefined]>([
    ['nothing without a statement', emptyKeyring(GROUP), 0, undefined],
    ['nothing while the newest is active', behind(), at(5n), undefined],
    ['what lies between', behind(), at(5n) - 1, 4n],
    ['the highest of that first', holding(3n, 6n), at(6n) - 1, 5n],
    ['what comes next', take(holding(3n, 6n), version(5n), { now: 0, asked: 5n }), at(5n) - 1, 4n],
    ['nothing below the one in use', take(holding(2n, 6n), version(5n), { now: 0, asked: 5n }), at(5n), undefined],
    ['the one before where none is active', holding(5n), at(5n) - 1, 4n],
    ['nothing before the first', holding(1n), at(1n) - 1, undefined],
    ['the newest that came without its key', told(holding(3n), 4n), at(4n), 4n],
    ['one in between that did', take(told(holding(3n), 4n), version(5n)), at(4n) - 1, 4n],
    ['nothing that was destroyed', pruneRetired(holding(3n, 4n), at(4n) + GRACE_MS), at(4n) - 1, undefined],
    ['the one in use at its seal-until', waiting(), over - 1, undefined],
    ['the one in use after it', waiting(), over, 3n],
    ['nothing of a newest that is over: pulled as the newest', holding(3n), over, undefined],
    ['nothing of a group that was deleted', ended(3n), at(3n), undefined],
  ])('is pulled: %s', (_what, keyring, now, expected) => {
    expect(missingVersion(keyring, now)).toBe(expected);
  });
});

describe('an emergency', () => {
  const now = at(5n) + 10_000;
  const activateAt = now - 2 * GRACE_MS;
  // active for a while, active for 10 s, prepared
  const before = () => holding(4n, 5n, 6n);

  it.each<[string, (keyring: Keyring) => Keyring]>([
    ['with its key', (keyring) => madeAt(keyring, 7n, activateAt)],
    ['without it', (keyring) => told(keyring, 7n, activateAt)],
  ])('%s ends all that is older, at once', (_what, receive) => {
    for (const older of [4n, 5n, 6n]) {
      expect(reasonOf(() => openableVersion(before(), older, now))).toBe('accepted');
      expect(reasonOf(() => openableVersion(receive(before()), older, now))).toBe('VERSION_RETIRED');
    }
    const pruned = pruneRetired(receive(before()), now);
    expect(numbersOf(pruned)).toEqual([7n]);
    expect(pruned.retiredThrough).toBe(6n);
  });

  it('is sealed with from then on, once its key is there', () => {
    expect(sealableVersion(madeAt(before(), 7n, activateAt), now).statement.version).toBe(7n);
    const without = told(before(), 7n, activateAt);
    expect(failureOf(() => sealableVersion(without, now))).toMatchObject({
      reason: 'GROUP_KEY_UNKNOWN',
      metadata: { version: '7' },
    });
    expect(sealableVersion(madeAt(without, 7n, activateAt), now).statement.version).toBe(7n);
  });

  it('lets nothing older in that was asked for', () => {
    const keyring = madeAt(holding(5n), 7n, activateAt);
    expect(reasonOf(() => acceptStatement(keyring, version(6n).statement, { now, asked: 6n }))).toBe('VERSION_RETIRED');
  });
});
