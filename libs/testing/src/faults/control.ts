import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../managed-process';
import { waitUntil } from '../wait-until';
import { preloadFile } from '../workspace';
import {
  commitsFile,
  FAULT_VARIABLES,
  killFile,
  planFile,
  sameCommit,
  type Commit,
  type CommitSite,
  type FaultPlan,
  type FaultPoint,
  type Kill,
} from './plan';

const POLL_MS = 10;
const QUIET_MS = 500;
/** How much later than the end of all else a death may be, milliseconds. */
const GRACE_MS = 3_000;

/** Plans faults for the processes that were started with {@link env} and {@link nodeOptions}, one at a time. */
export class FaultControl {
  /** Every process that was seen to die of a plan. */
  readonly kills: Kill[] = [];
  #planned = 0;

  /** @param directory exists; for this control alone */
  constructor(readonly directory: string) {}

  /** For `node` of a process that takes part. @throws Error when this tool is not built */
  get nodeOptions(): readonly string[] {
    return ['--require', preloadFile()];
  }

  /** Variables of a process that takes part. @param service what plans call it */
  env(service: string): Readonly<Record<string, string>> {
    return { [FAULT_VARIABLES.directory]: this.directory, [FAULT_VARIABLES.service]: service };
  }

  /** Plans one fault in the place of the one before. */
  arm(site: CommitSite, point: FaultPoint): FaultPlan {
    const plan: FaultPlan = { ...site, id: `fault-${++this.#planned}`, point };
    this.#write(plan);
    return plan;
  }

  disarm(): void {
    this.#write(null);
  }

  #write(plan: FaultPlan | null): void {
    const draft = `${planFile(this.directory)}.tmp`;
    writeFileSync(draft, JSON.stringify(plan));
    renameSync(draft, planFile(this.directory));
  }

  /**
   * Waits until the planned process has died.
   * @throws Error when that has not happened within `timeoutMs`, or `unless` aborted 3 s ago
   */
  async killed({ id, service }: FaultPlan, timeoutMs: number, unless?: AbortSignal): Promise<Kill> {
    const file = killFile(this.directory, id);
    let graceUntil = Infinity;
    const report = await waitUntil(
      `the death of ${service}`,
      () => {
        const text = existsSync(file) && readFileSync(file, 'utf8');
        if (text) return text;
        // others can see a commit before the one who made it is told, and dies
        if (unless?.aborted) graceUntil = Math.min(graceUntil, Date.now() + GRACE_MS);
        if (Date.now() > graceUntil) throw new Error(`${service} did not come to the commit that it was to die at`);
        return undefined;
      },
      { withinMs: timeoutMs, everyMs: POLL_MS },
    );
    const kill = JSON.parse(report) as Kill;
    // a process that was killed is gone only when its starter has noticed
    await waitUntil(`the end of ${service} (${kill.pid})`, () => !isAlive(kill.pid), { withinMs: timeoutMs });
    this.kills.push(kill);
    return kill;
  }

  /** Resolves when nothing was committed for half a second: what came before is over. @throws Error when that does not come */
  async quiet(timeoutMs: number): Promise<void> {
    const isQuiet = async () => {
      this.startRecording();
      await sleep(QUIET_MS);
      return this.stopRecording().length === 0;
    };
    await waitUntil('the end of all commits', isQuiet, { withinMs: timeoutMs, everyMs: POLL_MS });
  }

  /** From now on each commit is written down. */
  startRecording(): void {
    writeFileSync(commitsFile(this.directory), '');
  }

  /** What was recorded so far: those that look alike are numbered in their order. */
  recorded(): CommitSite[] {
    const sites: CommitSite[] = [];
    const lines = readFileSync(commitsFile(this.directory), 'utf8').split('\n').slice(0, -1);
    for (const commit of lines.map((line) => JSON.parse(line) as Commit))
      sites.push({ ...commit, occurrence: sites.filter((site) => sameCommit(site, commit)).length + 1 });
    return sites;
  }

  /** What was recorded; ends the recording. */
  stopRecording(): CommitSite[] {
    const sites = this.recorded();
    rmSync(commitsFile(this.directory));
    return sites;
  }
}
