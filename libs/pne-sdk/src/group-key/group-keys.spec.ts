import { CpnsError } from '@cpns/core';
import { parseContentHeader } from '@cpns/group-key';
import { currentStep } from '@cpns/telemetry';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { GATEWAY } from '../testing/fake-assigner';
import { alice, bench, bob, both, eachGroupBench, GROUP } from '../testing/group-bench';
import { CONFIRM_MS } from './group-keys';
import { REFUSAL_MS } from './groups-in-use';

const HELLO = Buffer.from('hello');
const away = new CpnsError('DEPENDENCY_UNAVAILABLE', 'the gateway does not answer');

eachGroupBench();
const telemetry = MemoryTelemetry.forEachTest();

const versionOf = (message: Buffer) => parseContentHeader(message).version;
const refused = (reason: string) => expect.objectContaining({ reason }) as Error;

describe('GK-PULL', () => {
  it('is steps 1 and 5 at the device, one after the other, and one commit in the last', async () => {
    const steps: unknown[] = [];
    alice.onCommit = () => void steps.push(currentStep());
    const sealUntil = bench.clock.now() + 3_600_000;
    const status = { groupId: GROUP, version: 1n, ended: false, left: false, sealUntil, versions: [1n] };
    await expect(alice.keys.pull(GROUP)).resolves.toEqual(status);
    expect(steps).toEqual([{ flow: 'GK-PULL', step: 5 }]);
    const [first, last] = await telemetry.steps();
    expect(first).toMatchObject({ flow: 'GK-PULL', step: 1, from: alice.entity, to: alice.entity });
    expect(last).toMatchObject({
      ...{ flow: 'GK-PULL', step: 5, from: GATEWAY, to: alice.entity, carried: ['statement', 'envelope'] },
      ...{ links: [first!.spanId], traceId: first!.traceId },
    });
  });

  it('changes nothing when it brings nothing new', async () => {
    await alice.keys.pull(GROUP);
    await alice.keys.pull(GROUP);
    expect(alice.commits).toBe(1);
  });

  it('takes a later seal-until for the same version, and no earlier one', async () => {
    await alice.keys.pull(GROUP);
    const { sealUntil } = await alice.keys.status(GROUP);
    bench.groups.renew(GROUP, { sealUntil: sealUntil! - 1 });
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ sealUntil });
    bench.groups.renew(GROUP, { sealUntil: sealUntil! + 1 });
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ sealUntil: sealUntil! + 1 });
  });

  it.each([
    ['a group-id that is none', () => alice.keys.pull('../x'), 'NAME_INVALID'],
    ['version 0', () => alice.keys.pull(GROUP, 0n), 'FIELD_OUT_OF_RANGE'],
    ['a version beyond u64', () => alice.keys.pull(GROUP, 2n ** 64n), 'FIELD_OUT_OF_RANGE'],
    ['an unknown group', () => alice.keys.pull('unknown'), 'NOT_FOUND'],
    ['an unknown version', () => alice.keys.pull(GROUP, 9n), 'NOT_FOUND'],
    ['a version before joining', () => bench.member('carol').keys.pull(GROUP, 1n), 'NOT_A_MEMBER'],
  ])('is refused: %s', async (_what, pull, reason) => {
    await expect(pull()).rejects.toThrow(refused(reason));
    expect(alice.commits).toBe(0);
  });

  it('needs a live key', async () => {
    const keys = alice.start({
      liveKey: () => {
        throw new CpnsError('KEY_UNKNOWN', 'no live key');
      },
    });
    for (const call of [keys.pull(GROUP), keys.seal(GROUP, HELLO), keys.status(GROUP), keys.join(GROUP)])
      await expect(call).rejects.toThrow(refused('KEY_UNKNOWN'));
  });

  it('uses nothing before it is durable', async () => {
    await alice.keys.pull(GROUP);
    bench.groups.version(GROUP, both);
    let release = () => undefined as void;
    alice.onCommit = () => new Promise<void>((resolve) => (release = resolve));
    const pulling = alice.keys.pull(GROUP);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
    release();
    await pulling;
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(2n);
  });

  it('goes on with what is stored after a commit that failed', async () => {
    await alice.keys.pull(GROUP);
    bench.groups.version(GROUP, both);
    alice.onCommit = () => {
      throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the disk is full');
    };
    await expect(alice.keys.pull(GROUP)).rejects.toThrow(refused('DEPENDENCY_UNAVAILABLE'));
    alice.onCommit = undefined;
    await expect(alice.keys.status(GROUP)).resolves.toMatchObject({ version: 1n, versions: [1n] });
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ version: 2n, versions: [1n, 2n] });
  });

  it('tells two processes on one store apart', async () => {
    const other = alice.start();
    await other.status(GROUP);
    await Promise.all([other.pull(GROUP), alice.keys.status(GROUP)]);
    bench.groups.version(GROUP, both);
    await alice.keys.pull(GROUP);
    bench.groups.version(GROUP, both);
    await expect(other.pull(GROUP)).rejects.toThrow(refused('CONFLICT'));
    await expect(other.pull(GROUP)).resolves.toMatchObject({ version: 3n });
  });

  it('gives nothing to whoever the device was before', async () => {
    await alice.keys.pull(GROUP);
    alice.live = bench.member('alice-2').live;
    const keys = alice.restart();
    await expect(keys.status(GROUP)).resolves.toMatchObject({ version: 0n, versions: [] });
    expect(await alice.state()).toMatchObject({ entity: alice.entity, keyring: { versions: [] } });
  });
});

describe('sealing', () => {
  it('pulls by itself when there is no key, and commits nothing per message', async () => {
    const message = await alice.keys.seal(GROUP, HELLO);
    expect(versionOf(message)).toBe(1n);
    const { commits } = alice;
    for (let n = 0; n < 500; n++) await alice.keys.seal(GROUP, HELLO);
    expect(alice.commits).toBe(commits);
    expect(bench.groups.pulls).toHaveLength(1);
  });

  it('pulls once for many messages at once', async () => {
    await Promise.all(Array.from({ length: 50 }, () => alice.keys.seal(GROUP, HELLO)));
    expect(bench.groups.pulls).toHaveLength(1);
  });

  it('notices a new version after 30 s', async () => {
    await alice.keys.seal(GROUP, HELLO);
    bench.groups.version(GROUP, both);
    bench.clock.advance(CONFIRM_MS);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
    bench.clock.advance(1);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(2n);
  });

  it.each([
    ['is away', () => (bench.groups.failure = away)],
    ['forges', () => (bench.groups.answer = (one) => ({ ...one, statement: { ...one.statement!, version: 9n } }))],
    ['withholds the new version', () => (bench.groups.answer = () => bench.groups.delivery(GROUP, 1n, alice.entity))],
  ])('goes on until seal-until while the gateway %s, and no longer', async (_what, spoil) => {
    await alice.keys.seal(GROUP, HELLO);
    bench.groups.version(GROUP, both);
    spoil();
    const { sealUntil } = await alice.keys.status(GROUP);
    bench.clock.advance(sealUntil! - bench.clock.now());
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
    bench.clock.advance(1);
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('SEAL_PERIOD_OVER'));
    const { length } = bench.groups.pulls;
    for (let n = 0; n < 20; n++)
      await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('SEAL_PERIOD_OVER'));
    expect(bench.groups.pulls).toHaveLength(length);
    bench.groups.failure = bench.groups.answer = undefined;
    bench.groups.renew(GROUP, { sealUntil: bench.clock.now() + 3_600_000 });
    bench.clock.advance(REFUSAL_MS);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(2n);
  });

  it('pulls when seal-until has passed, and goes on with a later one', async () => {
    await alice.keys.seal(GROUP, HELLO);
    const { sealUntil } = await alice.keys.status(GROUP);
    bench.clock.advance(sealUntil! + 1 - bench.clock.now());
    bench.groups.renew(GROUP, { sealUntil: bench.clock.now() + 1_000 });
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
    // half a second is the shortest time in which a Server renews
    bench.clock.advance(1_001);
    bench.groups.renew(GROUP, { sealUntil: bench.clock.now() + 1_000 });
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
  });

  it('goes over to the next version at its activate-at', async () => {
    await alice.keys.seal(GROUP, HELLO);
    bench.groups.version(GROUP, both, { activateAt: bench.clock.now() + 5_000 });
    await alice.keys.pull(GROUP);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
    bench.clock.advance(5_000);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(2n);
  });

  it('does not begin before the first version is active', async () => {
    const early = 'early';
    bench.groups.version(early, both, { activateAt: bench.clock.now() + 5_000 });
    await expect(alice.keys.seal(early, HELLO)).rejects.toThrow(refused('VERSION_NOT_ACTIVE'));
    bench.clock.advance(5_000);
    expect(versionOf(await alice.keys.seal(early, HELLO))).toBe(1n);
  });

  it('ends with the group, for good', async () => {
    await alice.keys.seal(GROUP, HELLO);
    bench.groups.end(GROUP);
    bench.clock.advance(CONFIRM_MS + 1);
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('GROUP_DELETED'));
  });

  it('ends where the Server gives no key any more', async () => {
    await alice.keys.seal(GROUP, HELLO);
    bench.groups.version(GROUP, [bob.entity]);
    bench.clock.advance(CONFIRM_MS + 1);
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('NOT_A_MEMBER'));
    // and it is not asked for each message
    const { length } = bench.groups.pulls;
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('NOT_A_MEMBER'));
    expect(bench.groups.pulls).toHaveLength(length);
  });

  it('tells why there is no key at all', async () => {
    bench.groups.failure = away;
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('DEPENDENCY_UNAVAILABLE'));
  });

  it('refuses more than 1 MiB', async () => {
    await expect(alice.keys.seal(GROUP, Buffer.alloc(2 ** 20 + 1))).rejects.toThrow(refused('MESSAGE_TOO_LARGE'));
  });

  it('takes a new session at each start', async () => {
    const before = parseContentHeader(await alice.keys.seal(GROUP, HELLO));
    const same = parseContentHeader(await alice.keys.seal(GROUP, HELLO));
    alice.restart();
    const after = parseContentHeader(await alice.keys.seal(GROUP, HELLO));
    expect(same.session).toEqual(before.session);
    expect(after.session).not.toEqual(before.session);
  });
});
