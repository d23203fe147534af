import { CpnsError } from '@cpns/core';
import { eventually } from '@cpns/core/testing';
import { parseContentHeader } from '@cpns/group-key';
import { alice, bench, bob, both, eachGroupBench, GROUP } from '../testing/group-bench';
import { CONFIRM_MS } from './group-keys';
import type { GroupStates } from './group-state';
import { PULLS_MAX, REFUSAL_MS } from './groups-in-use';

const HELLO = Buffer.from('hello');
const GRACE_MS = 60_000;
const away = new CpnsError('DEPENDENCY_UNAVAILABLE', 'the gateway does not answer');

eachGroupBench();

const versionOf = (message: Buffer) => parseContentHeader(message).version;
const refused = (reason: string) => expect.objectContaining({ reason }) as Error;

const replayBuckets = async () => Object.keys((await bob.stored())!).filter((name) => name.includes(':replay:'));

describe('opening', () => {
  it('pulls the version of the header once', async () => {
    const messages = await Promise.all(Array.from({ length: 20 }, (_, n) => alice.keys.seal(GROUP, Buffer.from([n]))));
    bench.groups.pulls.splice(0);
    const opened = await Promise.all(messages.map((message) => bob.keys.open(message)));
    expect(opened).toEqual(
      messages.map((_, n) => ({ groupId: GROUP, version: 1n, sender: alice.entity, plaintext: Buffer.from([n]) })),
    );
    expect(bench.groups.pulls).toEqual([`${bob.entity} ${GROUP} 1`]);
  });

  it('takes few commits for many messages at once', async () => {
    await bob.keys.pull(GROUP);
    const messages = await Promise.all(Array.from({ length: 200 }, () => alice.keys.seal(GROUP, HELLO)));
    const { commits } = bob;
    await Promise.all(messages.map((message) => bob.keys.open(message)));
    expect(bob.commits - commits).toBeLessThanOrEqual(2);
  });

  it('opens a message once, also its own, also in another life', async () => {
    const message = await alice.keys.seal(GROUP, HELLO);
    for (const { keys } of [alice, bob]) {
      await expect(keys.open(message)).resolves.toMatchObject({ sender: alice.entity, plaintext: HELLO });
      await expect(keys.open(message)).rejects.toThrow(refused('CONTENT_REPLAYED'));
    }
    await expect(bob.restart().open(message)).rejects.toThrow(refused('CONTENT_REPLAYED'));
    const another = await alice.keys.seal(GROUP, HELLO);
    await expect(bob.keys.open(another)).resolves.toMatchObject({ plaintext: HELLO });
  });

  it('opens a message once of many tries at once', async () => {
    const message = await alice.keys.seal(GROUP, HELLO);
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => bob.keys.open(message)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('gives nothing out before it is durable that it was opened', async () => {
    const message = await alice.keys.seal(GROUP, HELLO);
    await bob.keys.pull(GROUP);
    bob.onCommit = () => {
      throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the disk is full');
    };
    await expect(bob.keys.open(message)).rejects.toThrow(refused('DEPENDENCY_UNAVAILABLE'));
    bob.onCommit = undefined;
    // nothing was stored, so that it was not opened
    await expect(bob.keys.open(message)).resolves.toMatchObject({ plaintext: HELLO });
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'CONTENT_INVALID'],
    ['no header', Buffer.alloc(100), 'CONTENT_INVALID'],
    ['too much', Buffer.alloc(2 ** 21, 1), 'MESSAGE_TOO_LARGE'],
  ])('refuses %s before it asks for anything', async (_what, message, reason) => {
    await expect(bob.keys.open(message)).rejects.toThrow(refused(reason));
    expect(bench.groups.pulls).toEqual([]);
  });

  it('is refused to the joiner for what was sealed before, and asks once', async () => {
    const carol = bench.member('carol');
    const before = await alice.keys.seal(GROUP, HELLO);
    bench.groups.version(GROUP, [...both, carol.entity]);
    await alice.keys.pull(GROUP);
    await expect(carol.keys.open(await alice.keys.seal(GROUP, HELLO))).resolves.toMatchObject({ version: 2n });
    bench.groups.pulls.splice(0);
    for (let n = 0; n < 20; n++) await expect(carol.keys.open(before)).rejects.toThrow(refused('VERSION_NOT_GIVEN'));
    expect(bench.groups.pulls).toHaveLength(1);
    bench.clock.advance(REFUSAL_MS);
    await expect(carol.keys.open(before)).rejects.toThrow(refused('VERSION_NOT_GIVEN'));
    expect(bench.groups.pulls).toHaveLength(2);
  });

  it('does not let strangers’ messages make it ask without end, and goes on afterwards', async () => {
    const message = await alice.keys.seal(GROUP, HELLO);
    bench.groups.pulls.splice(0);
    const forged = (n: number) => {
      const one = Buffer.from(message);
      one.writeBigUInt64BE(BigInt(n + 2), 3 + GROUP.length);
      return one;
    };
    const tries = await Promise.allSettled(Array.from({ length: 3 * PULLS_MAX }, (_, n) => bob.keys.open(forged(n))));
    expect(tries.every(({ status }) => status === 'rejected')).toBe(true);
    expect(bench.groups.pulls).toHaveLength(PULLS_MAX);
    await expect(bob.keys.open(message)).rejects.toThrow(refused('LIMIT_REACHED'));
    bench.clock.advance(REFUSAL_MS);
    await expect(bob.keys.open(message)).resolves.toMatchObject({ plaintext: HELLO });
  });

  it('asks for no version 0, which would be the newest', async () => {
    const message = await alice.keys.seal(GROUP, HELLO);
    message.writeBigUInt64BE(0n, 3 + GROUP.length);
    bench.groups.pulls.splice(0);
    await expect(bob.keys.open(message)).rejects.toThrow(refused('VERSION_RETIRED'));
    expect(bench.groups.pulls).toEqual([]);
  });

  it('opens an older version until 60 s after the next one became active, and forgets its key', async () => {
    await bob.keys.pull(GROUP);
    const messages = [await alice.keys.seal(GROUP, HELLO), await alice.keys.seal(GROUP, HELLO)] as const;
    bench.groups.version(GROUP, both);
    await bob.keys.pull(GROUP);
    bench.clock.advance(GRACE_MS - 1);
    await expect(bob.keys.open(messages[0])).resolves.toMatchObject({ version: 1n });
    expect(await replayBuckets()).toHaveLength(1);
    bench.clock.advance(1);
    await expect(bob.keys.open(messages[1])).rejects.toThrow(refused('VERSION_RETIRED'));
    await bob.keys.pull(GROUP);
    expect((await bob.state()).keyring).toMatchObject({ retiredThrough: 1n });
    await expect(bob.keys.status(GROUP)).resolves.toMatchObject({ version: 2n, versions: [2n] });
    expect(await replayBuckets()).toEqual([]);
    await expect(bob.keys.pull(GROUP, 1n)).rejects.toThrow(refused('VERSION_RETIRED'));
  });

  it('forgets a retired key also when nobody asks', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      await bob.keys.pull(GROUP);
      bench.groups.version(GROUP, both);
      await bob.keys.pull(GROUP);
      const { groupKey } = bench.groups.version(GROUP, both);
      expect(groupKey.expose().some((byte) => byte !== 0)).toBe(true);
      bench.clock.advance(GRACE_MS);
      await jest.advanceTimersByTimeAsync(GRACE_MS);
    } finally {
      jest.useRealTimers();
    }
    await eventually(async () => expect((await bob.state()).keyring).toMatchObject({ retiredThrough: 1n }));
    expect((await bob.state()).keyring.versions).toHaveLength(1);
  });
});

describe('joining and leaving', () => {
  it('is a member from the next version on', async () => {
    const carol = bench.member('carol');
    await expect(carol.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('NOT_A_MEMBER'));
    await carol.keys.join(GROUP);
    expect(versionOf(await carol.keys.seal(GROUP, HELLO))).toBe(2n);
    await carol.keys.join(GROUP);
    expect(versionOf(await carol.keys.seal(GROUP, HELLO))).toBe(2n);
  });

  it('forgets every key with the leave, and keeps the highest statement', async () => {
    const message = await alice.keys.seal(GROUP, HELLO);
    await bob.keys.pull(GROUP);
    await expect(bob.keys.leave(GROUP)).resolves.toMatchObject({ version: 1n, left: true, versions: [] });
    for (const keys of [bob.keys, bob.restart()]) {
      await expect(keys.open(message)).rejects.toThrow(refused('NOT_A_MEMBER'));
      await expect(keys.seal(GROUP, HELLO)).rejects.toThrow(refused('NOT_A_MEMBER'));
    }
    const { keyring } = await bob.state();
    expect(keyring).toMatchObject({ retiredThrough: 1n, versions: [{ statement: { version: 1n } }] });
    expect(keyring.versions[0]!.groupKey).toBeUndefined();
  });

  it('forgets the keys also when an operator was faster, or the answer was lost', async () => {
    await bob.keys.pull(GROUP);
    bench.groups.failure = new CpnsError('MEMBER_UNKNOWN', 'no member');
    await expect(bob.keys.leave(GROUP)).resolves.toMatchObject({ left: true, versions: [] });
    const carol = bench.member('carol');
    await expect(carol.keys.leave(GROUP)).rejects.toThrow(refused('MEMBER_UNKNOWN'));
  });

  it('keeps all while the gateway is away', async () => {
    await bob.keys.pull(GROUP);
    bench.groups.failure = away;
    await expect(bob.keys.leave(GROUP)).rejects.toThrow(refused('DEPENDENCY_UNAVAILABLE'));
    expect(versionOf(await bob.keys.seal(GROUP, HELLO))).toBe(1n);
  });

  const addedByAnOperator = () => {
    bench.groups.version(GROUP, both);
    return bob.keys.pull(GROUP);
  };

  it.each([
    ['joins', () => bob.keys.join(GROUP)],
    ['pulls, since an operator added it', addedByAnOperator],
  ])('is a member again when it %s', async (_what, rejoin) => {
    const old = await alice.keys.seal(GROUP, HELLO);
    await bob.keys.pull(GROUP);
    await bob.keys.leave(GROUP);
    await rejoin();
    await alice.keys.pull(GROUP);
    const message = await alice.keys.seal(GROUP, HELLO);
    await expect(bob.keys.open(message)).resolves.toMatchObject({ plaintext: HELLO });
    await expect(bob.keys.open(old)).rejects.toThrow(refused('VERSION_RETIRED'));
  });
});

describe('closing', () => {
  it('overwrites the keys in memory, and what goes on then starts from the store', async () => {
    const replace = jest.spyOn(alice.states, 'replace');
    await alice.keys.seal(GROUP, HELLO);
    const { keyring } = await (replace.mock.results[0]!.value as ReturnType<GroupStates['replace']>);
    const key = keyring.versions[0]!.groupKey!.expose();
    expect(key.every((byte) => byte === 0)).toBe(false);
    alice.keys.close();
    expect(key.every((byte) => byte === 0)).toBe(true);
    const message = await alice.keys.seal(GROUP, HELLO);
    await expect(bob.keys.open(message)).resolves.toMatchObject({ plaintext: HELLO });
  });

  it('does not seal with what was overwritten meanwhile', async () => {
    await alice.keys.seal(GROUP, HELLO);
    bench.clock.advance(CONFIRM_MS + 1);
    const sealing = alice.keys.seal(GROUP, HELLO);
    await Promise.resolve();
    alice.keys.close();
    const outcome = await sealing.then(
      (message) => bob.keys.open(message).then(({ plaintext }) => plaintext),
      (error: unknown) => error,
    );
    expect([HELLO, refused('CONFLICT'), refused('GROUP_KEY_UNKNOWN')]).toContainEqual(outcome);
  });
});

describe('the list', () => {
  it('has every group that a key is held of', async () => {
    bench.groups.version('kitchen', both);
    await expect(alice.keys.list()).resolves.toEqual([]);
    await alice.keys.pull(GROUP);
    await alice.keys.pull('kitchen');
    await alice.keys.status('attic');
    await expect(alice.keys.list()).resolves.toMatchObject([{ groupId: GROUP }, { groupId: 'kitchen' }]);
  });
});
