import { FAULT_POINTS, type CommitSite, type FaultPoint } from '@cpns/testing';
import { countsOf } from './checks';
import { lacking, shownAs } from './due';
import type { Flow } from './flow';
import { eventually, MAIN_GATEWAY, PATIENCE_MS, type House } from './house';

const FINISHED = 'it was finished';
/** How often a race is run for it to go the way that is due, or that was recorded. */
const RACES_MAX = 8;

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // the only thing that a signal to a child of ours is refused for is that it is gone
    return false;
  }
};

/** Kills at each commit of each flow, and keeps count. */
export class Campaign {
  /** How many kills the flows that were begun are to have. */
  due = 0;

  constructor(private readonly house: House) {}

  /** @throws AggregateError with one error per point at which something was lost */
  async run(flow: Flow): Promise<void> {
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

  /** Where the flow commits when nobody dies. @throws Error when it does so less often than it must */
  async #record(flow: Flow): Promise<CommitSite[]> {
    let missing: readonly string[] = [];
    for (let left = RACES_MAX; left > 0; left--) {
      const sites = await this.#recordOnce(flow);
      missing = lacking(flow, sites);
      if (missing.length === 0) return sites;
    }
    throw new Error(`${flow.name} did not commit at: ${missing.join('; ')}, ${RACES_MAX} times`);
  }

  /** Whichever way its races went. @throws Error without what does not depend on them */
  async #recordOnce(flow: Flow): Promise<CommitSite[]> {
    const { faults } = this.house;
    const certain = { name: flow.name, due: flow.due.filter((row) => flow.isRacy?.(row) !== true) };
    const run = await flow.prepare(this.house);
    faults.startRecording();
    await run.perform();
    let missing: readonly string[] = [];
    await eventually('the recording of every commit that is due', () => {
      missing = lacking(certain, faults.recorded());
      return Promise.resolve(missing.length === 0 ? true : undefined);
    }).catch((cause: unknown) => {
      throw new Error(`${flow.name} did not commit at: ${missing.join('; ')}`, { cause });
    });
    const sites = faults.stopRecording();
    await run.check();
    return sites;
  }

  /** A race may go the other way, and the flow be finished without the commit: then again. */
  async #killOnce(flow: Flow, site: CommitSite, point: FaultPoint): Promise<void> {
    for (let left = flow.isRacy?.(site) === true ? RACES_MAX : 1; left > 0; left--)
      if (await this.#kill(flow, site, point, left > 1)) return;
  }

  /** @returns false where the flow did not come by there, and may pass without */
  async #kill(flow: Flow, site: CommitSite, point: FaultPoint, mayPass: boolean): Promise<boolean> {
    const { faults } = this.house;
    const run = await flow.prepare(this.house);
    const plan = faults.arm(site, point);
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
    const kill = await faults
      .killed(plan, PATIENCE_MS, over.signal)
      .catch((cause: unknown) => {
        if (mayPass && end === FINISHED) return undefined;
        throw new Error(`${String(cause)}; the flow: ${end}`, { cause });
      })
      .finally(() => faults.disarm());
    if (kill !== undefined) await run.finish(site.service, first);
    await run.check();
    if (kill === undefined) return false;
    process.stdout.write(`${this.#label(flow, site, point, kill.pid)}\n`);
    return true;
  }

  #label(flow: Flow, site: CommitSite, point: FaultPoint, pid?: number): string {
    const { flow: name, step } = shownAs(flow, site);
    const where = `${site.service} ${pid ?? ''}`.padEnd(19);
    const [, which] = flow.name.split(', ');
    const what = [`${site.kind}${site.occurrence > 1 ? ` (${site.occurrence})` : ''}`, which]
      .filter(Boolean)
      .join(', ');
    const [shown = name] = name.split(', ');
    return `${shown.padEnd(17)} ${step.padEnd(2)} ${point.padEnd(13)} ${where} ${this.house.storeName.padEnd(8)} ${what}`;
  }

  /** After a failure: the other points are to be seen all the same. */
  async #restore(): Promise<void> {
    const { deployment } = this.house;
    for (const name of this.house.processes) if (!isRunning(deployment.pid(name))) await deployment.restart(name);
    this.house.recount(MAIN_GATEWAY, await countsOf(this.house, MAIN_GATEWAY));
  }
}
