import { FAULT_POINTS, sameCommit, type CommitSite, type FaultPoint } from '@cpns/testing';
import { countsOf } from './checks';
import { lacking } from './due';
import type { Flow } from './flow';
import { eventually, MAIN_GATEWAY, PATIENCE_MS, type House } from './house';

const FINISHED = 'it was finished';
/** How often a race is run for it to go the way that is due, or that was recorded. */
const RACES_MAX = 8;

/** Kills at each commit of each flow, and keeps count. */
export class Campaign<H extends House> {
  /** How many kills the flows that were begun are to have. */
  due = 0;

  constructor(private readonly house: H) {}

  /** @throws AggregateError with one error per point at which something was lost */
  async run(flow: Flow<H>): Promise<void> {
    const sites = (await this.#record(flow)).filter((site) => flow.isOfAnother?.(site) !== true);
    this.due += sites.length * FAULT_POINTS.length;
    const failures: Error[] = [];
    for (const site of sites)
      for (const point of FAULT_POINTS)
        await this.#killOnce(flow, site, point).catch(async (cause: unknown) => {
          const failure = new Error(`${this.#label(flow, site, point)}: ${String(cause)}`, { cause });
          process.stdout.write(`FAILED ${failure.message}\n`);
          failures.push(failure);
          await this.#restore();
        });
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('\n'));
  }

  /** Where the flow commits when nothing dies. @throws Error when it does so less often than it must */
  async #record(flow: Flow<H>): Promise<CommitSite[]> {
    const { faults } = this.house;
    const certain = flow.due.filter((row) => flow.isRacy?.(row) !== true);
    let missing: readonly string[] = [];
    const lack = () => `${flow.name}: commits at ${missing.join('; ')}`;
    for (let left = RACES_MAX; left > 0; left--) {
      const run = await flow.prepare(this.house);
      faults.startRecording();
      await run.perform();
      await eventually(lack, () => {
        missing = lacking(certain, faults.recorded());
        return missing.length === 0;
      });
      const sites = faults.stopRecording();
      await run.check();
      missing = lacking(flow.due, sites);
      if (missing.length === 0) return sites;
    }
    throw new Error(`${lack()} were lacking ${RACES_MAX} times`);
  }

  /** A race may go the other way, and the flow be finished without the commit: then again. */
  async #killOnce(flow: Flow<H>, site: CommitSite, point: FaultPoint): Promise<void> {
    for (let left = flow.isRacy?.(site) === true ? RACES_MAX : 1; left > 0; left--)
      if (await this.#kill(flow, site, point, left > 1)) return;
  }

  /** @returns false where the flow did not come by there, and may pass without */
  async #kill(flow: Flow<H>, site: CommitSite, point: FaultPoint, mayPass: boolean): Promise<boolean> {
    const { house } = this;
    const run = await flow.prepare(house);
    const plan = house.faults.arm(site, point);
    const over = new AbortController();
    const first = run.perform();
    let end = 'it goes on';
    const ended = (how: string) => {
      end = how;
      over.abort();
    };
    first.then(
      () => ended(FINISHED),
      (error: unknown) => ended(String(error)),
    );
    const kill = await house.faults
      .killed(plan, PATIENCE_MS, over.signal)
      .catch((cause: unknown) => {
        if (mayPass && end === FINISHED) return undefined;
        throw new Error(`${String(cause)}; the flow: ${end}`, { cause });
      })
      .finally(() => house.faults.disarm());
    if (kill !== undefined) await (run.finish ?? house.finish)(site.service, first);
    await run.check();
    if (kill === undefined) return false;
    process.stdout.write(`${this.#label(flow, site, point, kill.pid)}\n`);
    return true;
  }

  /** Flow and step as the source has them; a procedure without numbers shows none. */
  #label(flow: Flow<H>, site: CommitSite, point: FaultPoint, pid?: number): string {
    const { service, kind, occurrence } = site;
    const [name = '', which] = flow.name.split(', ');
    const row = flow.due.find((each) => sameCommit(each, site));
    const [shown, step] = row?.shown ?? [site.flow === '' ? name : site.flow, site.step];
    const what = [`${kind}${occurrence > 1 ? ` (${occurrence})` : ''}`, which].filter(Boolean).join(', ');
    const where = `${service} ${pid ?? ''}`.padEnd(19);
    return `${shown.padEnd(17)} ${String(step || '-').padEnd(2)} ${point.padEnd(13)} ${where} ${this.house.storeName.padEnd(8)} ${what}`;
  }

  /** After a failure: the other points are to be seen all the same. */
  async #restore(): Promise<void> {
    for (const name of this.house.processes) await this.house.deployment.restart(name);
    this.house.counts.set(MAIN_GATEWAY, await countsOf(this.house, MAIN_GATEWAY));
  }
}
