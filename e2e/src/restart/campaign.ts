import { FAULT_POINTS, type CommitSite, type FaultPoint } from '@cpns/testing';
import { inspect } from 'node:util';
import { countsOf } from './checks';
import { dueOf, GATEWAY, isChance, isRacy, lacking, MAIN_GATEWAY, type FlowName } from './due';
import { eventually, PATIENCE_MS, type House } from './house';

/** A flow with parties of its own. */
export interface Run {
  /** From the beginning to the end. Fails when a party dies that does not come back by itself. */
  readonly perform: () => Promise<void>;
  /**
   * Starts a victim again and brings the flow to its end, where that takes more than waiting for it; by its name in plans.
   * @param first what {@link perform} is doing
   */
  readonly finish?: Readonly<Record<string, (first: Promise<void>) => Promise<void>>>;
  /** Looks at everything that must be there then. */
  readonly check: () => Promise<void>;
}

export interface Flow {
  readonly name: FlowName;
  /** Everything that comes before the flow. */
  readonly prepare: (house: House) => Run | Promise<Run>;
  /** Commits that belong to another flow, which has them. */
  readonly isOfAnother?: (site: CommitSite) => boolean;
}

/** How often a race is run for it to go the way that is due, or that was recorded. */
const RACES_MAX = 8;
/** How often a flow is run for a commit that it may pass without. */
const CHANCES_MAX = 2;

/** Kills at each commit of each flow, and keeps count. */
export class Campaign {
  /** How many kills the flows that were begun are to have. */
  due = 0;

  constructor(private readonly house: House) {}

  async run(flow: Flow): Promise<void> {
    const sites = (await this.#record(flow)).filter((site) => flow.isOfAnother?.(site) !== true);
    this.due += sites.length * FAULT_POINTS.length;
    const failures: string[] = [];
    for (const site of sites)
      for (const point of FAULT_POINTS)
        await this.#killOnce(flow, site, point).catch(async (cause: unknown) => {
          failures.push(`${flow.name}, ${inspect({ ...site, point })}: ${inspect(cause)}`);
          await this.#restore();
        });
    expect(failures).toEqual([]);
  }

  /** Where the flow commits when nothing dies. @throws Error when it does so less often than it must */
  async #record(flow: Flow): Promise<CommitSite[]> {
    const { faults } = this.house;
    const due = dueOf(flow.name);
    const certain = due.filter((row) => !isRacy(row));
    let missing: readonly string[] = [];
    const lack = () => `${flow.name}: commits at ${missing.join('; ')}`;
    for (let left = RACES_MAX; left > 0; left--) {
      const run = await this.#prepare(flow);
      faults.startRecording();
      await run.perform();
      await eventually(lack, () => {
        missing = lacking(certain, faults.recorded());
        return missing.length === 0;
      });
      const sites = faults.stopRecording();
      await run.check();
      missing = lacking(due, sites);
      if (missing.length === 0) return sites;
    }
    throw new Error(`${lack()} were lacking ${RACES_MAX} times`);
  }

  /** What flows before it left to do is over: none of its commits is one of this flow. */
  async #prepare(flow: Flow): Promise<Run> {
    const run = await flow.prepare(this.house);
    await this.house.faults.quiet(PATIENCE_MS);
    return run;
  }

  /** A race may go the other way, and the flow be finished without the commit: then again. */
  async #killOnce(flow: Flow, site: CommitSite, point: FaultPoint): Promise<void> {
    const mayPass = isChance(flow.name, site) && !isRacy(site);
    for (let left = isRacy(site) ? RACES_MAX : mayPass ? CHANCES_MAX : 1; left > 0; left--)
      if (await this.#kill(flow, site, point, mayPass || left > 1)) return;
    this.due -= 1;
  }

  /** @returns false where the flow did not come by there, and may pass without */
  async #kill(flow: Flow, site: CommitSite, point: FaultPoint, mayPass: boolean): Promise<boolean> {
    const { faults, deployment } = this.house;
    const run = await this.#prepare(flow);
    const restarted = async (first: Promise<void>) => {
      await deployment.restart(site.service === GATEWAY ? MAIN_GATEWAY : site.service);
      await first;
    };
    const plan = faults.arm(site, point);
    const over = new AbortController();
    const first = run.perform().finally(() => over.abort());
    // awaited below, in whichever way the flow goes on
    first.catch(() => undefined);
    const kill = await faults
      .killed(plan, PATIENCE_MS, over.signal)
      .catch(async (cause: unknown) => {
        // what the flow itself failed with, if it did
        if (over.signal.aborted) await first;
        if (!mayPass || !over.signal.aborted) throw cause;
      })
      .finally(() => faults.disarm());
    if (kill) await (run.finish?.[site.service] ?? restarted)(first);
    await run.check();
    if (kill) process.stdout.write(`${flow.name.padEnd(40)} ${Object.values(kill).join(' ')}\n`);
    return kill !== undefined;
  }

  /** After a failure: the other points are to be seen all the same. */
  async #restore(): Promise<void> {
    const { deployment } = this.house;
    // a gateway of the flow's own is left as it is
    for (const name of deployment.services.filter((one) => !one.includes('/') || one === MAIN_GATEWAY))
      await deployment.restart(name);
    this.house.served.set(MAIN_GATEWAY, (await countsOf(this.house, MAIN_GATEWAY)).served);
  }
}
