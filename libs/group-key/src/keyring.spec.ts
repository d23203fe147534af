import { failureOf, flipped, outcomeOf, reasonOf, itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import {
  acceptStatement,
  emptyKeyring,
  highestOf,
  holdGroupKey,
  isEnded,
  type Keyring,
  nextRetirement,
  openableVersion,
  pruneRetired,
  sealableVersion,
} from './keyring';
import { endStatement, GRACE_MS, type Statement } from './statement';
import { at, ended, GROUP, holding, numbersOf, START, take, version } from './testing/keyrings';

describe('a statement against what a member knows', () => {
  const three = version(3n).statement;
  const another = { commitment: flipped(three.commitment) };

  it.each<[string, Keyring, Statement, string]>([
    ['the first of all', emptyKeyring(GROUP), three, 'newer'],
    ['the next version', holding(2n), three, 'newer'],
    ['a version much higher', holding(2n), version(9n).statement, 'newer'],
    ['the same', holding(3n), three, 'known'],
    ['the same, with a later seal-until', holding(3n), { ...three, sealUntil: three.sealUntil + 1 }, 'known'],
    ['the same, with an earlier seal-until', holding(3n), { ...three, sealUntil: three.sealUntil - 1 }, 'known'],
    ['the same version, a later tree revision', holding(3n), { ...three, treeRevision: 1n }, 'newer'],
    ['the end', holding(3n), endStatement(GROUP, 3n, at(4n)), 'newer'],
    ['the end as the first of all', emptyKeyring(GROUP), endStatement(GROUP, 3n, at(4n)), 'newer'],
    ['the end, again', ended(3n), endStatement(GROUP, 3n, at(4n)), 'known'],
    ['a lower version', holding(4n), three, 'STATEMENT_LOWER'],
    ['a lower version that is known', holding(3n, 4n), three, 'STATEMENT_LOWER'],
    ['the same version, another key', holding(3n), { ...three, ...another }, 'STATEMENT_CONFLICT'],
    ['another key, a later tree', holding(3n), { ...three, ...another, treeRevision: 1n }, 'STATEMENT_CONFLICT'],
    ['the same version as an end', holding(4n), endStatement(GROUP, 3n, at(4n)), 'STATEMENT_CONFLICT'],
    ['a key for the version that ended the group', ended(3n), version(4n).statement, 'GROUP_DELETED'],
    ['a version after the end', ended(3n), version(5n).statement, 'GROUP_DELETED'],
    ['a version before the end', ended(3n), three, 'GROUP_DELETED'],
    ['another end, later', ended(3n), endStatement(GROUP, 4n, at(5n)), 'GROUP_DELETED'],
    ['another group', holding(2n), { ...three, groupId: 'kitchen' }, 'STATEMENT_CONFLICT'],
  ])('%s', (_what, keyring, statement, expected) => {
    expect(outcomeOf(() => acceptStatement(keyring, statement, { now: 0 }).acceptance)).toBe(expected);
  });

  it('of a lower tree revision is lower', () => {
    const keyring = take(emptyKeyring(GROUP), version(3n, { treeRevision: 5n }));
    expect(reasonOf(() => acceptStatement(keyring, { ...three, treeRevision: 4n }, { now: 0 }))).toBe(
      'STATEMENT_LOWER',
    );
  });

  it('renews only the seal-until, to the later one, and leaves the key', () => {
    const later = version(3n, { sealUntil: at(3n) + 5_000_000 });
    for (const [first, second] of [
      [version(3n), later],
      [later, version(3n)],
    ] as const) {
      const { keyring } = acceptStatement(take(emptyKeyring(GROUP), first), second.statement, { now: 0 });
      expect(sealableVersion(keyring, at(3n)).statement).toEqual(later.statement);
    }
  });

  it('is judged without changing the keyring', () => {
    const keyring = holding(2n);
    const before = structuredClone(numbersOf(keyring));
    acceptStatement(keyring, three, { now: 0 });
    expect(numbersOf(keyring)).toEqual(before);
  });
});

describe('a statement of a lower version that was asked for', () => {
  const now = at(5n) + GRACE_MS - 1;
  const four = version(4n).statement;
  const asked = { now, asked: 4n };
  const otherFour = { ...four, commitment: flipped(four.commitment) };

  it.each<[string, Keyring, Statement, { now: number; asked?: bigint }, string]>([
    ['in its grace', holding(5n), four, asked, 'asked'],
    ['not asked for', holding(5n), four, { now }, 'STATEMENT_LOWER'],
    ['another was asked for', holding(5n), four, { now, asked: 3n }, 'STATEMENT_LOWER'],
    ['after its grace', holding(5n), four, { now: now + 1, asked: 4n }, 'VERSION_RETIRED'],
    ['when it was destroyed here', pruneRetired(holding(4n, 5n), now + 1), four, asked, 'VERSION_RETIRED'],
    ['known already', holding(4n, 5n), four, asked, 'known'],
    ['known, with another key', holding(4n, 5n), otherFour, asked, 'STATEMENT_CONFLICT'],
    ['an end that was none', holding(5n), endStatement(GROUP, 3n, at(4n)), asked, 'STATEMENT_CONFLICT'],
    ['of a group that was deleted', ended(5n), four, asked, 'GROUP_DELETED'],
    ['a higher one, though another was asked for', holding(5n), version(6n).statement, asked, 'newer'],
  ])('%s', (_what, keyring, statement, context, expected) => {
    expect(outcomeOf(() => acceptStatement(keyring, statement, context).acceptance)).toBe(expected);
  });

  it('serves for opening alone, and never for sealing', () => {
    const keyring = take(holding(5n), version(4n), { now, asked: 4n });
    expect(numbersOf(keyring)).toEqual([4n, 5n]);
    expect(openableVersion(keyring, 4n, now).statement.version).toBe(4n);
    expect(sealableVersion(keyring, now).statement.version).toBe(5n);
    expect(reasonOf(() => openableVersion(keyring, 4n, now + 1))).toBe('VERSION_RETIRED');
  });

  it('retires those below it in its own time', () => {
    const keyring = take(holding(3n, 6n), version(4n), { now: at(6n), asked: 4n });
    expect(reasonOf(() => openableVersion(keyring, 3n, at(4n) + GRACE_MS))).toBe('VERSION_RETIRED');
    expect(reasonOf(() => openableVersion(keyring, 4n, at(4n) + GRACE_MS))).toBe('accepted');
  });
});

describe('a key for a version', () => {
  it('is taken where it is the one that the statement commits to', () => {
    expect(reasonOf(() => holdGroupKey(holding(3n), 3n, version(3n).groupKey))).toBe('accepted');
    expect(reasonOf(() => holdGroupKey(holding(3n), 3n, version(2n).groupKey))).toBe('COMMITMENT_MISMATCH');
    expect(reasonOf(() => holdGroupKey(ended(3n), 4n, version(4n).groupKey))).toBe('COMMITMENT_MISMATCH');
    expect(reasonOf(() => holdGroupKey(holding(3n), 2n, version(2n).groupKey))).toBe('GROUP_KEY_UNKNOWN');
  });
});

describe('the version to seal with', () => {
  const until = version(3n).statement.sealUntil;
  const withoutKey = acceptStatement(holding(3n), version(4n).statement, { now: 0 }).keyring;

  it.each<[string, Keyring, number, string]>([
    ['from activate-at on', holding(3n), at(3n), 'accepted'],
    ['before activate-at', holding(3n), at(3n) - 1, 'VERSION_NOT_ACTIVE'],
    ['at seal-until', holding(3n), until, 'accepted'],
    ['after seal-until', holding(3n), until + 1, 'SEAL_PERIOD_OVER'],
    ['with no statement', emptyKeyring(GROUP), at(3n), 'GROUP_KEY_UNKNOWN'],
    ['with a higher statement and no key for it', withoutKey, at(4n), 'GROUP_KEY_UNKNOWN'],
    ['of a deleted group', ended(3n), at(4n), 'GROUP_DELETED'],
    ['of a deleted group, before its end counts', ended(3n), at(3n), 'GROUP_DELETED'],
    ['before the highest is active, with the one before it', holding(3n, 4n), at(4n) - 1, 'accepted'],
    ['before the highest is active, whose key it lacks', withoutKey, at(4n) - 1, 'accepted'],
    ['before any is active', holding(3n, 4n), at(3n) - 1, 'VERSION_NOT_ACTIVE'],
  ])('%s', (_what, keyring, now, expected) => {
    expect(reasonOf(() => sealableVersion(keyring, now))).toBe(expected);
  });

  it('is the one before the highest until that becomes active, and from then on the highest alone', () => {
    const keyring = holding(3n, 4n);
    expect(sealableVersion(keyring, at(4n) - 1).statement.version).toBe(3n);
    expect(sealableVersion(keyring, at(4n)).statement.version).toBe(4n);
    // version 3 could be sealed with for longer, were there no version 4
    expect(version(4n).statement.sealUntil).toBeGreaterThan(until);
    expect(reasonOf(() => sealableVersion(keyring, version(4n).statement.sealUntil + 1))).toBe('SEAL_PERIOD_OVER');
  });

  it('is the highest, with its key', () => {
    const { statement, groupKey } = sealableVersion(holding(3n, 4n), at(4n));
    expect(statement.version).toBe(4n);
    expect(groupKey.equals(version(4n).groupKey)).toBe(true);
  });

  it('is refused with the time that it is about', () => {
    const named = { group: GROUP, version: '3' };
    expect(failureOf(() => sealableVersion(holding(3n), at(3n) - 1))?.metadata).toEqual({
      ...named,
      activate_at: String(at(3n)),
    });
    expect(failureOf(() => sealableVersion(holding(3n), until + 1))?.metadata).toEqual({
      ...named,
      seal_until: String(until),
    });
  });
});

describe('a version to open with', () => {
  const late = at(4n) + GRACE_MS;
  const withoutKey = acceptStatement(holding(3n), version(4n).statement, { now: 0 }).keyring;

  it.each<[string, Keyring, bigint, number, string]>([
    ['the highest', holding(3n, 4n), 4n, at(4n), 'accepted'],
    ['the highest, much later than its seal-until', holding(3n, 4n), 4n, at(400n), 'accepted'],
    ['the highest, before its activate-at: another’s clock is ahead', holding(3n, 4n), 4n, at(4n) - 1, 'accepted'],
    ['the one before, in its grace', holding(3n, 4n), 3n, late - 1, 'accepted'],
    ['the one before, after its grace', holding(3n, 4n), 3n, late, 'VERSION_RETIRED'],
    ['one that was destroyed', pruneRetired(holding(3n, 4n), late), 3n, 0, 'VERSION_RETIRED'],
    ['one below what was destroyed', pruneRetired(holding(3n, 4n), late), 1n, 0, 'VERSION_RETIRED'],
    ['one that never came', holding(3n, 4n), 2n, at(4n), 'GROUP_KEY_UNKNOWN'],
    ['one that has not come yet', holding(3n, 4n), 5n, at(4n), 'GROUP_KEY_UNKNOWN'],
    ['one without a key', withoutKey, 4n, at(4n), 'GROUP_KEY_UNKNOWN'],
    ['the last of a deleted group, in its grace', ended(3n), 3n, late - 1, 'accepted'],
    ['the last of a deleted group, after it', ended(3n), 3n, late, 'VERSION_RETIRED'],
    ['the end itself', ended(3n), 4n, at(4n), 'GROUP_DELETED'],
    ['one that never came, of a deleted group', ended(3n), 2n, at(4n), 'GROUP_DELETED'],
  ])('%s', (_what, keyring, number, now, expected) => {
    expect(reasonOf(() => openableVersion(keyring, number, now))).toBe(expected);
  });
});

describe('what has retired', () => {
  const keyring = () => holding(2n, 3n, 4n);

  it('is taken out, and its keys are overwritten', () => {
    const before = keyring();
    const pruned = pruneRetired(before, at(3n) + GRACE_MS);
    expect(numbersOf(pruned)).toEqual([3n, 4n]);
    expect(pruned.retiredThrough).toBe(2n);
    expect(before.versions[0]?.groupKey?.expose().equals(Buffer.alloc(32))).toBe(true);
    expect(before.versions[1]?.groupKey?.expose().equals(Buffer.alloc(32))).toBe(false);
  });

  it('is never the highest, nor anything before its time', () => {
    expect(numbersOf(pruneRetired(keyring(), at(900n)))).toEqual([4n]);
    const untouched = keyring();
    expect(pruneRetired(untouched, at(3n) + GRACE_MS - 1)).toBe(untouched);
  });

  it('leaves a deleted group with its end, for good', () => {
    const pruned = pruneRetired(ended(3n), at(4n) + GRACE_MS);
    expect(numbersOf(pruned)).toEqual([4n]);
    expect(isEnded(pruned)).toBe(true);
    expect(reasonOf(() => acceptStatement(pruned, version(5n).statement, { now: 0 }))).toBe('GROUP_DELETED');
  });

  it('is due at a time that the keyring knows', () => {
    expect(nextRetirement(emptyKeyring(GROUP))).toBeUndefined();
    expect(nextRetirement(holding(3n))).toBeUndefined();
    expect(nextRetirement(keyring())).toBe(at(3n) + GRACE_MS);
  });
});

describe('any order of statements', () => {
  const delivery = fc.record({
    n: fc.bigInt({ min: 1n, max: 8n }),
    now: fc.nat({ max: 1_200_000 }),
    ask: fc.boolean(),
  });

  itHolds(
    'never lowers the highest, never brings back what has retired, and keeps versions in order',
    [fc.array(delivery, { maxLength: 40 })],
    (deliveries) => {
      let keyring = emptyKeyring(GROUP);
      let now = START;
      for (const { n, now: later, ask } of [...deliveries].sort((a, b) => a.now - b.now)) {
        const before = keyring;
        now = START + later;
        const context = ask ? { now, asked: n } : { now };
        const known = version(n);
        const reason = reasonOf(() => {
          keyring = pruneRetired(take(keyring, known, context), now);
        });
        expect(['accepted', 'STATEMENT_LOWER', 'VERSION_RETIRED']).toContain(reason);
        if (reason !== 'accepted') expect(keyring).toBe(before);
        const numbers = numbersOf(keyring);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => Number(a - b)));
        expect(numbers.every((number) => number > keyring.retiredThrough)).toBe(true);
        const [highest, highestBefore] = [highestOf(keyring), highestOf(before)];
        expect((highest?.statement.version ?? 0n) >= (highestBefore?.statement.version ?? 0n)).toBe(true);
        expect(keyring.retiredThrough >= before.retiredThrough).toBe(true);
      }
    },
  );
});
