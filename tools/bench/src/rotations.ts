/**
 * GK-UPDATE-T of many groups that are due in one minute: how many versions a second, how much memory the CPNS Server takes,
 * and what changes of membership notice of it.
 */
import { GroupKeyManagementServiceService } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { peakMiB, Timings, waitUntil, type Deployment } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Comparison } from './compare';
import { concurrently } from './concurrently';
import { homeOf, makeMembers, type GroupScene } from './group-scene';

const AT_ONCE = 16;
/** The least that a group may have, and a little. */
const LEAST_PERIOD_MS = duration(61, 'second');
/** By which the period is longer than all groups took to be made, milliseconds. */
const AHEAD_MS = duration(10, 'second');
const CALM = 'bench-calm';
const BEFORE_MS = duration(10, 'second');
/** Of its period: a key is renewed so much earlier at most, as it comes. */
const EARLIEST = 0.9;
/** Groups that are made to see how fast they are. */
const FIRST = 50;

/** Counts the alerts of a deployment. */
class Alerts {
  #count = 0;
  #first = NaN;
  #last = NaN;

  constructor({ operator }: Deployment) {
    const { watchGroupKeyEvents } = operator.connection.client(GroupKeyManagementServiceService);
    const stream = watchGroupKeyEvents({ lastSequence: 0n, lastEntryId: Buffer.alloc(0) });
    const read = async () => {
      for await (const { sequence, status, superseded } of stream)
        if (sequence > 0n && (status !== undefined || superseded !== undefined)) this.#take();
    };
    // it ends with the connection
    read().catch(() => undefined);
  }

  get count(): number {
    return this.#count;
  }

  get perSecond(): number {
    return ((this.#count - 1) * 1_000) / (this.#last - this.#first);
  }

  #take(): void {
    const now = performance.now();
    if (this.#count === 0) this.#first = now;
    this.#last = now;
    this.#count += 1;
  }
}

type Make = (groupId: string, updatePeriod: number) => Promise<unknown>;

/** Makes groups whose keys are due one after the other, once all of them are there. @returns how many were made a second */
async function makeDue(make: Make, count: number, onPeriod: (period: number) => void): Promise<number> {
  const idsOf = (prefix: string, length: number) => Array.from({ length }, (_, n) => `${prefix}-${n}`);
  const timed = async (ids: readonly string[], period: number) => {
    const began = performance.now();
    await concurrently(ids, AT_ONCE, (groupId) => make(groupId, period));
    return performance.now() - began;
  };
  const each = (await timed(idsOf('bench-first', FIRST), 0)) / FIRST;
  const period = Math.max(LEAST_PERIOD_MS, Math.ceil((count * each) / EARLIEST) + AHEAD_MS);
  onPeriod(period);
  return (count * 1_000) / (await timed(idsOf('bench-due', count), period));
}

export async function benchRotations(scene: GroupScene, count: number): Promise<Comparison[]> {
  const { deployment, storeName, onProgress } = scene;
  const { groups } = deployment.operator;
  const entityOf = (id: string) => deployment.entity(homeOf(1), 'pne', id);
  const [member = '', moves = ''] = await makeMembers(deployment, [entityOf('rotates'), entityOf('moves')]);
  const make: Make = (groupId, updatePeriod) =>
    groups.createGroup({ groupId, delivery: 'pull', members: [member], updatePeriod });
  await make(CALM, 0);
  const change = async () => {
    await groups.addMembers(CALM, [moves]);
    await groups.removeMembers(CALM, [moves]);
  };
  const calm = new Timings([change]);
  await sleep(BEFORE_MS);
  const before = await calm.stop();

  const alerts = new Alerts(deployment);
  let within = LEAST_PERIOD_MS;
  const created = await makeDue(make, count, (period) => {
    onProgress(`${storeName}: ${count} groups with an update period of ${(period / 1_000).toFixed(0)} s`);
    within = 2 * period;
  });
  const server = deployment.pid('cpns-server');
  await waitUntil('the first that is due', () => alerts.count > 0, { withinMs: within });
  peakMiB(server);
  const meanwhile = new Timings([change]);
  await waitUntil('the last that is due', () => alerts.count >= count, { withinMs: 2 * within, everyMs: 50 });
  const during = await meanwhile.stop();
  onProgress(
    `${storeName}: ${alerts.count} versions by time, ${alerts.perSecond.toFixed(1)} a second; peak of the CPNS Server ` +
      `${peakMiB(server).toFixed(0)} MiB; two changes of a membership meanwhile: p50 ${during.p50.toFixed(0)} ms, ` +
      `p99 ${during.p99.toFixed(0)} ms (before ${before.p50.toFixed(0)} and ${before.p99.toFixed(0)} ms)`,
  );
  const row = (name: string, unit: string, ours: number, baseline: number): Comparison => ({
    name: `${name}, ${storeName}`,
    unit,
    ours,
    baseline,
    ratio: ours / baseline,
  });
  const changes = 'p99 of two changes of a membership meanwhile (promised: a ratio of 2 at most)';
  return [
    row(`${count} groups due: versions by time`, '1/s (baseline: CreateServiceGroup)', alerts.perSecond, created),
    row(changes, 'ms (baseline: before)', during.p99, before.p99),
  ];
}
