import { CpnsError } from '@cpns/core';
import { eventually } from '@cpns/core/testing';
import { currentStep, withSpan, currentTraceparent } from '@cpns/telemetry';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { GATEWAY } from '../testing/fake-assigner';
import { alice, bench, both, eachGroupBench, GROUP } from '../testing/group-bench';
import type { GroupKeysContext } from './group-keys';
import type { AcceptedDelivery } from './group-state';
import { watchGroupKeys } from './member';

eachGroupBench();
const telemetry = MemoryTelemetry.forEachTest();
const stops: AbortController[] = [];
afterEach(() => stops.splice(0).forEach((stop) => stop.abort()));

const until = (condition: () => boolean) => eventually(() => expect(condition()).toBe(true));
const connected = () => until(() => bench.groups.watching === 1);

function watch(more: Partial<GroupKeysContext> = {}) {
  const stop = new AbortController();
  stops.push(stop);
  const taken: AcceptedDelivery[] = [];
  const refused: string[] = [];
  const keys = Object.keys(more).length === 0 ? alice.keys : alice.start(more);
  const ended = keys.watch({
    signal: stop.signal,
    onDelivery: (one) => taken.push(one),
    onRefused: ({ reason }) => refused.push(reason),
  });
  return { stop, taken, refused, ended };
}

async function watching() {
  const watched = watch();
  await connected();
  return watched;
}

const push = (version: bigint, traceparent?: string) =>
  bench.groups.push(alice.entity, bench.groups.delivery(GROUP, version, alice.entity), traceparent);

describe('GK-PUSH', () => {
  it('is one step at the device, in the trace of what caused it and after it, and one commit', async () => {
    const steps: unknown[] = [];
    alice.onCommit = () => void steps.push(currentStep());
    const { taken } = await watching();
    let cause = '';
    await withSpan('cause', {}, () => Promise.resolve((cause = currentTraceparent())));
    push(1n, cause);
    await until(() => taken.length === 1);
    expect(taken).toEqual([{ groupId: GROUP, version: 1n, ended: false, acceptance: 'newer' }]);
    expect(steps).toEqual([{ flow: 'GK-PUSH', step: 1 }]);
    const [, traceId, spanId] = cause.split('-');
    expect(await telemetry.steps()).toMatchObject([
      { flow: 'GK-PUSH', step: 1, from: GATEWAY, to: alice.entity, traceId, links: [spanId] },
    ]);
    await alice.keys.seal(GROUP, Buffer.from('hello'));
    expect(bench.groups.pulls).toEqual([]);
  });

  it('changes nothing when it comes again', async () => {
    const { taken } = await watching();
    for (let n = 0; n < 3; n++) push(1n);
    await until(() => taken.length === 3);
    expect(taken.map(({ acceptance }) => acceptance)).toEqual(['newer', 'known', 'known']);
    expect(alice.commits).toBe(1);
  });

  it('goes on after a refusal, and refuses what is older', async () => {
    const { taken, refused } = watch();
    bench.groups.version(GROUP, both);
    await connected();
    push(2n);
    push(1n);
    bench.groups.push(alice.entity, undefined);
    bench.groups.version(GROUP, both);
    push(3n);
    await until(() => taken.length === 2);
    expect(refused).toEqual(['STATEMENT_LOWER', 'FIELD_MISSING']);
    expect(bench.groups.opened).toBe(1);
  });

  it('ends a group that the device has keys of, for good', async () => {
    await alice.keys.pull(GROUP);
    const { taken, refused } = await watching();
    bench.groups.end(GROUP);
    bench.groups.push(alice.entity, bench.groups.endDelivery(GROUP));
    await until(() => taken.length === 1);
    expect(taken[0]).toMatchObject({ ended: true, version: 2n });
    bench.groups.version(GROUP, both, { version: 3n });
    await expect(alice.keys.seal(GROUP, Buffer.from('x'))).rejects.toMatchObject({ reason: 'GROUP_DELETED' });
    await expect(alice.restart().status(GROUP)).resolves.toMatchObject({ ended: true, version: 2n });
    // and nothing is kept of the end of a group that it has nothing to do with
    bench.groups.version('attic', []);
    bench.groups.end('attic');
    bench.groups.push(alice.entity, bench.groups.endDelivery('attic'));
    await until(() => refused.length === 1);
    expect(refused).toEqual(['NOT_A_MEMBER']);
    await expect(alice.states.read('attic')).resolves.toBeUndefined();
  });

  it('brings nothing to a group that the device left', async () => {
    await alice.keys.pull(GROUP);
    const { refused } = await watching();
    bench.groups.version(GROUP, both);
    const late = bench.groups.delivery(GROUP, 2n, alice.entity);
    await alice.keys.leave(GROUP);
    bench.groups.push(alice.entity, late);
    await until(() => refused.length === 1);
    expect(refused).toEqual(['NOT_A_MEMBER']);
    await expect(alice.keys.status(GROUP)).resolves.toMatchObject({ version: 1n, left: true });
  });
});

describe('the stream', () => {
  it('is made again when it breaks, after longer and longer pauses', async () => {
    const pauses: number[] = [];
    const pause = (ms: number) => {
      pauses.push(ms);
      return new Promise((resolve) => setImmediate(resolve));
    };
    const { taken } = watch({ pause });
    for (let n = 1; n <= 7; n++) {
      await until(() => bench.groups.watching === 1 && bench.groups.opened === n);
      bench.groups.breakStreams();
    }
    await until(() => bench.groups.opened === 8);
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
    bench.clock.advance(5_000);
    bench.groups.breakStreams();
    await until(() => bench.groups.opened === 9);
    expect(pauses.at(-1)).toBe(100);
    push(1n);
    await until(() => taken.length === 1);
  });

  it.each([
    ['is away', 'DEPENDENCY_UNAVAILABLE'],
    ['stops', 'SHUTTING_DOWN'],
    ['fails', 'INTERNAL'],
  ] as const)('is tried again while the gateway %s', async (_what, reason) => {
    bench.groups.failure = new CpnsError(reason, 'not now');
    const { ended, stop } = watch();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(bench.groups.opened).toBe(0);
    bench.groups.failure = undefined;
    await connected();
    stop.abort();
    await ended;
  });

  it.each(['KEY_REVOKED', 'KEY_SUSPENDED', 'KEY_UNKNOWN', 'PEER_UNEXPECTED', 'SUPERSEDED', 'UNIMPLEMENTED'] as const)(
    'ends with %s',
    async (reason) => {
      const { ended } = await watching();
      const failure = expect(ended).rejects.toMatchObject({ reason });
      bench.groups.breakStreams(new CpnsError(reason, 'no'));
      await failure;
    },
  );

  it('goes on under the next key when the one before it was revoked', async () => {
    await watching();
    alice.live = { ...alice.live, ...bench.member('alice').live };
    bench.groups.breakStreams(new CpnsError('KEY_REVOKED', 'another took its place'));
    await until(() => bench.groups.opened === 2);
  });

  it('is made again when a delivery could not be stored, and gets it again', async () => {
    const { taken, refused } = await watching();
    alice.onCommit = () => {
      throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the disk is full');
    };
    push(1n);
    await until(() => bench.groups.opened === 2);
    alice.onCommit = undefined;
    await connected();
    push(1n);
    await until(() => taken.length === 1);
    expect(refused).toEqual([]);
  });

  it('ends with a store that is not to be trusted', async () => {
    const { ended } = watch();
    const failure = expect(ended).rejects.toMatchObject({ reason: 'STORED_RECORD_INVALID' });
    await connected();
    alice.onCommit = () => {
      throw new CpnsError('STORED_RECORD_INVALID', 'mixed');
    };
    push(1n);
    await failure;
  });

  it('ends at once at the signal, also in a pause', async () => {
    bench.groups.failure = new CpnsError('DEPENDENCY_UNAVAILABLE', 'away');
    const stop = new AbortController();
    const { clock, log, groups } = bench;
    const context = { clock, logger: log.logger, channel: groups.channelOf(alice.entity), keyId: () => '' };
    const ended = watchGroupKeys(context, { signal: stop.signal }, () => Promise.reject(new Error('never')));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const since = Date.now();
    stop.abort();
    await ended;
    expect(Date.now() - since).toBeLessThan(90);
  });
});
