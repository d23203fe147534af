/** Versions before their time, and versions that a device is told of without their keys. */
import { CpnsError } from '@cpns/core';
import { eventually } from '@cpns/core/testing';
import { parseContentHeader } from '@cpns/group-key';
import { alice, bench, bob, both, eachGroupBench, GROUP } from '../testing/group-bench';
import { CONFIRM_MS, MISSING_MAX } from './group-keys';
import type { AcceptedDelivery } from './group-state';
import { REFUSAL_MS } from './groups-in-use';

const HELLO = Buffer.from('hello');
const STEP_MS = 10_000;
/** An emergency is stated so long before it is made. */
const EMERGENCY_MS = 120_000;

eachGroupBench();

const versionOf = (message: Buffer) => parseContentHeader(message).version;
const refused = (reason: string, metadata = {}) =>
  expect.objectContaining({ reason, metadata: expect.objectContaining(metadata) as object }) as Error;
/** Versions of which each becomes active 10 s after the one before. */
const prepare = (count: number) => {
  for (let n = 1; n <= count; n++) bench.groups.version(GROUP, both, { activateAt: bench.clock.now() + n * STEP_MS });
};
const pulledVersions = () => bench.groups.pulls.splice(0).map((pull) => pull.split(' ').at(-1));

describe('a pull while versions are prepared', () => {
  it('brings what lies between the newest and the one in use, each to be sealed with in its time', async () => {
    prepare(3);
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ version: 4n, versions: [1n, 2n, 3n, 4n] });
    expect(pulledVersions()).toEqual(['0', '3', '2', '1']);
    bench.groups.failure = new CpnsError('DEPENDENCY_UNAVAILABLE', 'away');
    for (const version of [1n, 2n, 3n, 4n]) {
      expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(version);
      bench.clock.advance(STEP_MS);
    }
  });

  it('asks for what it has not got', async () => {
    prepare(2);
    await alice.keys.pull(GROUP);
    pulledVersions();
    bench.groups.version(GROUP, both, { activateAt: bench.clock.now() + 3 * STEP_MS });
    await alice.keys.pull(GROUP);
    expect(pulledVersions()).toEqual(['0']);
  });

  it(`asks for at most ${MISSING_MAX} of them`, async () => {
    prepare(MISSING_MAX + 4);
    await alice.keys.pull(GROUP);
    expect(pulledVersions()).toHaveLength(1 + MISSING_MAX);
  });

  it('brings a joiner no more than it is given, and it waits for that', async () => {
    prepare(2);
    const carol = bench.member('carol');
    bench.groups.version(GROUP, [...both, carol.entity], { activateAt: bench.clock.now() + 3 * STEP_MS });
    await expect(carol.keys.pull(GROUP)).resolves.toMatchObject({ versions: [4n] });
    expect(pulledVersions()).toEqual(['0', '3']);
    await expect(carol.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('VERSION_NOT_ACTIVE', { version: '4' }));
    bench.clock.advance(3 * STEP_MS);
    expect(versionOf(await carol.keys.seal(GROUP, HELLO))).toBe(4n);
  });

  it('fails as a whole while the gateway is away, and goes on where it was', async () => {
    prepare(2);
    bench.groups.answer = (delivery) => {
      bench.groups.failure = new CpnsError('DEPENDENCY_UNAVAILABLE', 'away');
      return delivery;
    };
    await expect(alice.keys.pull(GROUP)).rejects.toThrow(refused('DEPENDENCY_UNAVAILABLE'));
    bench.groups.answer = bench.groups.failure = undefined;
    bench.clock.advance(REFUSAL_MS);
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ versions: [1n, 2n, 3n] });
  });

  it('seals with nothing older while a gateway withholds a removal', async () => {
    await alice.keys.pull(GROUP);
    bench.clock.advance(CONFIRM_MS + 1);
    bench.groups.version(GROUP, both);
    bench.groups.version(GROUP, both, { activateAt: bench.clock.now() + 3_600_000 });
    bench.groups.answer = (delivery) => (delivery.statement?.version === 2n ? undefined : delivery);
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('GROUP_KEY_UNKNOWN', { version: '2' }));
    bench.groups.answer = undefined;
    bench.clock.advance(REFUSAL_MS);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(2n);
  });

  it('brings a later seal-until of the one in use, below the newest', async () => {
    const sealUntil = bench.clock.now() + 3_600_000;
    bench.groups.version(GROUP, both, { activateAt: sealUntil + 100_000, sealUntil: sealUntil + 200_000 });
    await alice.keys.pull(GROUP);
    bench.clock.advance(3_600_001);
    pulledVersions();
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('SEAL_PERIOD_OVER', { version: '1' }));
    expect(pulledVersions()).toEqual(['0', '1']);
    bench.clock.advance(REFUSAL_MS);
    bench.groups.renew(GROUP, { sealUntil: bench.clock.now() + 1_000 }, 1n);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
  });
});

describe('a newer version that a device is told of without its key', () => {
  const stops: AbortController[] = [];
  afterEach(() => stops.splice(0).forEach((stop) => stop.abort()));

  /** Alice watches, and is told what the gateway says of a version alone. */
  async function told(groupId: string, version: bigint) {
    const stop = new AbortController();
    stops.push(stop);
    const taken: AcceptedDelivery[] = [];
    const refusals: string[] = [];
    void alice.keys.watch({
      signal: stop.signal,
      onDelivery: (one) => taken.push(one),
      onRefused: ({ reason }) => refusals.push(reason),
    });
    await eventually(() => expect(bench.groups.watching).toBe(1));
    bench.groups.push(alice.entity, bench.groups.statementOf(groupId, version));
    await eventually(() => expect(taken.length + refusals.length).toBe(1));
    return [...taken.map(({ acceptance }) => acceptance), ...refusals];
  }
  const emergency = () => bench.groups.version(GROUP, both, { activateAt: bench.clock.now() - EMERGENCY_MS });

  it.each([
    ['at once', () => alice.keys],
    ['after a restart', () => alice.restart()],
  ])('retires the older ones, and is pulled when it is needed: %s', async (_when, next) => {
    await alice.keys.pull(GROUP);
    const old = await bob.keys.seal(GROUP, HELLO);
    emergency();
    pulledVersions();
    expect(await told(GROUP, 2n)).toEqual(['newer']);
    const keys = next();
    await expect(keys.open(old)).rejects.toThrow(refused('VERSION_RETIRED'));
    await expect(keys.status(GROUP)).resolves.toMatchObject({ version: 2n, ended: false, versions: [] });
    expect(pulledVersions()).toEqual([]);
    expect(versionOf(await keys.seal(GROUP, HELLO))).toBe(2n);
    expect(pulledVersions()).toEqual(['0']);
  });

  it('takes nothing from one that has the key', async () => {
    emergency();
    await alice.keys.pull(GROUP);
    const { commits } = alice;
    expect(await told(GROUP, 2n)).toEqual(['known']);
    expect(alice.commits).toBe(commits);
    await expect(alice.keys.status(GROUP)).resolves.toMatchObject({ versions: [2n] });
  });

  it('is not kept of a group that it has no statement of', async () => {
    bench.groups.version('attic', []);
    expect(await told('attic', 1n)).toEqual(['NOT_A_MEMBER']);
    await expect(alice.states.read('attic')).resolves.toBeUndefined();
  });

  it('that is no emergency leaves the older one to open with, and nothing to seal with', async () => {
    await alice.keys.pull(GROUP);
    const old = await bob.keys.seal(GROUP, HELLO);
    bench.groups.version(GROUP, both);
    expect(await told(GROUP, 2n)).toEqual(['newer']);
    bench.groups.failure = new CpnsError('DEPENDENCY_UNAVAILABLE', 'away');
    await expect(alice.keys.open(old)).resolves.toMatchObject({ version: 1n });
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('DEPENDENCY_UNAVAILABLE'));
  });
});

describe('a suspended device', () => {
  it('seals no more once it is told, until the operator lets it go on', async () => {
    await alice.keys.pull(GROUP);
    bench.groups.failure = new CpnsError('KEY_SUSPENDED', 'ask the operator');
    bench.clock.advance(CONFIRM_MS + 1);
    await expect(alice.keys.seal(GROUP, HELLO)).rejects.toThrow(refused('KEY_SUSPENDED'));
    await expect(alice.keys.join('attic')).rejects.toThrow(refused('KEY_SUSPENDED'));
    bench.groups.failure = undefined;
    bench.clock.advance(REFUSAL_MS);
    expect(versionOf(await alice.keys.seal(GROUP, HELLO))).toBe(1n);
  });
});
