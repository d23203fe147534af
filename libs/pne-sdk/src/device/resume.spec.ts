/** A device that is cut off at any commit, as often as it likes, ends with one key and has sent one request. */
import { FakeClock, itHolds } from '@cpns/core/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import fc from 'fast-check';
import { serverUriOf, routeOf } from '../protocol/admitted';
import { assigner, eachAssigner, GATEWAY, type FakeAssigner } from '../testing/fake-assigner';
import { Crash, MemoryDeviceStates, type CrashPoint } from '../testing/memory-device-states';
import type { Channel, OpenChannel } from '../transport/channel';
import { Device } from './device';

const clock = new FakeClock();
const { logger } = new MemoryLog();
eachAssigner(clock);

/** Loses the reply of chosen exchanges: the other side did its work, and the device does not hear of it. */
function channelTo(lost: number[]): OpenChannel {
  let exchanges = 0;
  const carried = async <T>(work: T | Promise<T>): Promise<T> => {
    const reply = await work;
    if (lost.includes(++exchanges)) throw new Crash('the process ended while it waited');
    return reply;
  };
  return (admitted): Channel => ({
    peer: GATEWAY,
    assign: (request) => carried(assigner.assign(request, routeOf(admitted).method)),
    register: (request) => carried({ reply: assigner.register(request), certificatePort: 0 }),
    close: () => undefined,
  });
}

const LIVES_MAX = 20;

/** Starts the device anew each time that it was cut off. */
async function untilLive(
  states: MemoryDeviceStates,
  oneTime: ReturnType<FakeAssigner['admit']>,
  lost: number[],
  crashes: CrashPoint[],
) {
  const openChannel = channelTo(lost);
  const fetchRoot = () => Promise.resolve(assigner.root);
  for (let lives = 1; lives <= LIVES_MAX; lives++) {
    states.crashAt =
      crashes.find(({ commit }) => commit === states.commits + 1) ??
      crashes.find(({ commit }) => commit > states.commits);
    try {
      const device = await Device.open({ states, logger, clock, openChannel, fetchRoot });
      await device.assign(oneTime);
      return { status: await device.register(), lives };
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      if (states.crashAt === undefined) crashes.shift();
    }
  }
  throw new Error('the device never came to an end');
}

const distinct = (requests: readonly Buffer[]) => new Set(requests.map((request) => request.toString('hex'))).size;

async function run(form: 'secret' | 'key-pair', by: 'server' | 'gateway', lost: number[], crashes: CrashPoint[]) {
  const states = new MemoryDeviceStates();
  const oneTime = assigner.admit({ form, by, user: 'alice' });
  const [assignments, registrations] = [assigner.assignments.length, assigner.registrations.length];
  const { status, lives } = await untilLive(states, oneTime, lost, crashes);
  const secret = assigner.keys.get(oneTime.entity)!;
  expect(status.stage).toBe('live');
  expect(states.stored.live!.secret.equals(secret)).toBe(true);
  expect(distinct(assigner.assignments.slice(assignments))).toBe(1);
  expect(distinct(assigner.registrations.slice(registrations))).toBe(form === 'secret' && by === 'server' ? 0 : 1);
  return { lives, commits: states.commits };
}

const FORMS = [
  ['secret', 'server', 2],
  ['secret', 'gateway', 4],
  ['key-pair', 'server', 4],
  ['key-pair', 'gateway', 4],
] as const;

describe.each(FORMS)('%s from the %s', (form, by, commits) => {
  it(`takes ${commits} commits in one life`, async () => {
    expect(await run(form, by, [], [])).toEqual({ lives: 1, commits });
  });

  const points = Array.from({ length: commits }, (_, i) => i + 1).flatMap((commit) =>
    (['before', 'after'] as const).map((when) => [commit, when] as const),
  );
  it.each(points)('goes on after a crash at commit %i, %s it', async (commit, when) => {
    expect(await run(form, by, [], [{ commit, when }])).toEqual({ lives: 2, commits });
  });

  const exchanges = commits / 2;
  it.each(Array.from({ length: exchanges }, (_, i) => [i + 1]))(
    'goes on when the reply %i was lost',
    async (exchange) => {
      expect(await run(form, by, [exchange], [])).toEqual({ lives: 2, commits });
    },
  );

  const crash = fc.record({ commit: fc.integer({ min: 1, max: commits }), when: fc.constantFrom('before', 'after') });
  itHolds(
    'goes on after any series of crashes',
    [fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }), fc.array(crash, { maxLength: 6 })],
    async (lost, crashes) => {
      const inOrder = [...crashes].sort((a, b) => a.commit - b.commit);
      expect((await run(form, by, lost, inOrder)).commits).toBe(commits);
    },
    { numRuns: 20 },
  );
});

it('names the Server by the trust domain alone', () => {
  expect(serverUriOf(GATEWAY)).toBe('cpns://example.org/service/cpns-server');
});
