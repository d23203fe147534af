/**
 * GK-UPDATE-T with the real clock and the shortest periods: two replicas, one of which dies in the middle of a round, and an
 * SMF that does in the next. Every version is made once, every alert comes once and in order, and no message is lost.
 */
import { GroupKeyVersionState, type GroupKeyStatus } from '@cpns/contracts';
import { duration, type CpnsError } from '@cpns/core';
import { retried, waitUntil } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { FAR, RELAY, Scene, type Member } from '../support/scene';
import { printTable } from '../support/table';
import type { Traffic } from '../support/traffic';
import { AlertLog } from './alerts';

const DELAY_MS = 500;
/** Just above the least: the delay, and the minute of grace. */
const PERIOD_MS = duration(61, 'second');
const LEAST_MS = duration(60, 'second') + DELAY_MS;
/** How much later a version may be where a process died in the middle. */
const LATE_MS = duration(20, 'second');
const ROUNDS = 3;
/** How long what was killed is away. */
const AWAY_MS = duration(3, 'second');
/** Where members pull, they ask every 30 s which version is the newest. */
const CONFIRMED_MS = duration(33, 'second');
const WAIT = { withinMs: PERIOD_MS + LATE_MS + duration(30, 'second'), everyMs: 100 };

jest.setTimeout(ROUNDS * WAIT.withinMs + duration(3, 'minute'));
const scene = new Scene();
beforeAll(() => scene.begin());
afterAll(() => scene.stop());

const RENEWED = { updatePeriod: PERIOD_MS, activationDelay: DELAY_MS };
const GROUPS = [
  { groupId: 'push-1', delivery: 'push', ...RENEWED },
  { groupId: 'push-2', delivery: 'push', ...RENEWED, joinWindow: 200 },
  { groupId: 'pull-1', delivery: 'pull', ...RENEWED },
  { groupId: 'pull-2', delivery: 'pull', ...RENEWED },
  { groupId: 'ahead', delivery: 'pull', ...RENEWED, preparedVersions: 3 },
] as const;
const AHEAD = 'ahead';
/** Nothing renews it. */
const CALM = { groupId: 'calm', delivery: 'push' } as const;
const IDS = GROUPS.map(({ groupId }) => groupId);

const { GROUP_KEY_VERSION_STATE_ACTIVE, GROUP_KEY_VERSION_STATE_PREPARED } = GroupKeyVersionState;
const inState = ({ versions }: GroupKeyStatus, wanted: GroupKeyVersionState): bigint[] =>
  versions.filter(({ state }) => state === wanted).map(({ version }) => version);
const inUse = (status: GroupKeyStatus): bigint => inState(status, GROUP_KEY_VERSION_STATE_ACTIVE).at(-1) ?? 0n;

/** Resolves when each group has been renewed once more. @param onFirst is done when the first of them has */
async function round(log: AlertLog, onFirst: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  const before = new Map<string, bigint>();
  for (const groupId of IDS) before.set(groupId, inUse(await scene.status(groupId)));
  const seen = log.alerts.length;
  await waitUntil('the first alert of a round', () => log.alerts.length > seen, WAIT);
  await onFirst();
  for (const groupId of IDS)
    await waitUntil(
      `the next version of ${groupId}`,
      async () => inUse(await scene.status(groupId)) > before.get(groupId)!,
      WAIT,
    );
}

async function dies(name: string): Promise<void> {
  await scene.deployment.kill(name);
  await sleep(AWAY_MS);
  await scene.deployment.restart(name);
}

/** Takes a member out of the group whose versions are made ahead. @returns the versions that this discarded */
async function removeAhead({ entity }: Member): Promise<readonly bigint[]> {
  const discarded = inState(await scene.status(AHEAD), GROUP_KEY_VERSION_STATE_PREPARED);
  // the connection to an SMF that was killed may still wait before it is made again
  const isPassing = ({ code }: CpnsError) => code === 'UNAVAILABLE';
  await retried(() => scene.deployment.operator.groups.removeMembers(AHEAD, [entity]), { isPassing });
  const status = await scene.status(AHEAD);
  expect(inUse(status)).toBeGreaterThan(discarded.at(-1) ?? 0n);
  for (const version of discarded)
    expect(status.versions.find((one) => one.version === version)?.state).not.toBe(GROUP_KEY_VERSION_STATE_PREPARED);
  return discarded;
}

/** Times between two versions that were used one after the other, milliseconds. */
const spacing = ({ versions }: GroupKeyStatus, without: readonly bigint[]): number[] =>
  versions
    .filter(({ version, state }) => !without.includes(version) && state !== GROUP_KEY_VERSION_STATE_PREPARED)
    .map(({ activateAt }) => Number(activateAt))
    .flatMap((at, index, all) => (index === 0 ? [] : [at - all[index - 1]!]));

test('three rounds', async () => {
  const log = new AlertLog([scene.asOperator('cpns-server', 'b'), scene.asOperator('cpns-server', 'a')]);
  const moves = await scene.member('secret', 'server', RELAY);
  for (const group of GROUPS) await scene.group(group, ...(group.groupId === AHEAD ? [moves] : []));
  await scene.group(CALM);
  const traffic = await scene.traffic([...IDS, CALM.groupId], { pauseMs: 250 });

  await round(log, () => dies(scene.nameOf('cpns-server', 'b')));
  await round(log, () => dies(scene.nameOf('smf', 'a')));
  const discarded = await removeAhead(moves);
  await round(log);
  await sleep(CONFIRMED_MS);
  for (const one of traffic) await one.stop();
  const statuses = new Map<string, GroupKeyStatus>();
  for (const { groupId } of [...GROUPS, CALM]) statuses.set(groupId, await scene.status(groupId));
  await log.stop();

  printTable(
    `rotation by time: a period of ${PERIOD_MS} ms, ${ROUNDS} rounds, a replica of the Server and the SMF killed`,
    ['group', 'versions', 'between two in use, ms', 'alerts', 'messages', 'lost'],
    [...statuses].map(([groupId, status]) => {
      const { sealed, lost } = trafficOf(traffic, groupId);
      const without = groupId === AHEAD ? discarded : [];
      const alerts = log.of(groupId).join(' ');
      return [
        groupId,
        status.versions.map(({ version }) => version).join(' '),
        spacing(status, without).join(' '),
        alerts,
        String(sealed.length),
        String(lost),
      ];
    }),
  );
  process.stdout.write(
    `  discarded by a removal: ${discarded.join(' ')} of ${AHEAD}; the watch resumed ${log.resumed} times\n`,
  );

  expect(discarded.length).toBeGreaterThan(0);
  expect(log.resumed).toBeGreaterThan(0);
  expectAlertsOnce(log);
  expect(statuses.get(CALM.groupId)!.versions).toHaveLength(1);
  for (const [groupId, status] of statuses) {
    const { sealed, lost, faults } = trafficOf(traffic, groupId);
    expect({ groupId, lost, faults }).toEqual({ groupId, lost: 0, faults: [] });
    const numbers = status.versions.map(({ version }) => version);
    expect({ groupId, numbers }).toEqual({ groupId, numbers: numbers.map((_, index) => BigInt(index + 1)) });
    const used = [...new Set(sealed.map(({ version }) => version))];
    // members seal with one after the other, and never with one that a removal discarded
    expect({ groupId, used }).toEqual({ groupId, used: [...used].sort((a, b) => Number(a - b)) });
    if (groupId === AHEAD) for (const version of discarded) expect(used).not.toContain(version);
    expect({ groupId, last: used.at(-1) }).toEqual({ groupId, last: inUse(status) });
    if (groupId === CALM.groupId) continue;
    // versions by time, and one by the removal
    const byMembership = groupId === AHEAD ? 1 : 0;
    expect(used.length).toBeGreaterThanOrEqual(ROUNDS + 1);
    expect(log.of(groupId).length).toBeLessThanOrEqual(numbers.length - 1 - byMembership);
    if (groupId !== AHEAD)
      for (const between of spacing(status, [])) {
        expect(between).toBeGreaterThanOrEqual(LEAST_MS);
        expect(between).toBeLessThan(PERIOD_MS + LATE_MS);
      }
  }
  await expectToldBySmf(statuses);
});

const trafficOf = (traffic: readonly Traffic[], groupId: string): Traffic =>
  traffic.find((one) => one.groupId === groupId)!;

/** Each entry once and in order; of each group each version once and in order, and the newest as the last. */
function expectAlertsOnce(log: AlertLog): void {
  const sequences = log.alerts.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, index) => sequences[0]! + BigInt(index)));
  expect(log.snapshots.length).toBeLessThanOrEqual(1);
  expect(log.of(CALM.groupId)).toEqual([]);
  for (const groupId of IDS) {
    const versions = log.of(groupId);
    expect({ groupId, versions }).toEqual({
      groupId,
      versions: [...new Set(versions)].sort((a, b) => Number(a - b)),
    });
  }
}

/** The SMF that died has the alerts that it missed: both gateways know of the newest version, and give the one in use. */
async function expectToldBySmf(statuses: ReadonlyMap<string, GroupKeyStatus>): Promise<void> {
  for (const { local } of scene.stayers)
    for (const [groupId, status] of statuses) {
      const isPassing = ({ reason }: CpnsError) => reason === 'DEPENDENCY_UNAVAILABLE';
      const { value } = await retried(() => local.groups.pull(groupId), { isPassing });
      expect({ groupId, version: value.version >= inUse(status) }).toEqual({ groupId, version: true });
    }
  expect(await scene.deployment.health(FAR)).toBe('SERVING');
}
