import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '../wait-until';
import { isErrno } from './errno';
import {
  commitsFile,
  FAULT_VARIABLES,
  killFile,
  killsDirectory,
  parseCommits,
  parseKill,
  planFile,
  type CommitSite,
  type FaultPlan,
  type FaultPoint,
  type Kill,
} from './plan';

const POLL_MS = 10;
/** How much later than the end of all else a death may be, milliseconds. */
const GRACE_MS = 3_000;

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return true;
    throw error;
  }
}

/** Plans faults for the processes that were started with {@link env} and {@link nodeOptions}, one at a time. */
export class FaultControl {
  #planned = 0;

  /** @param directory exists; for this control alone */
  constructor(readonly directory: string) {
    mkdirSync(killsDirectory(directory), { recursive: true });
  }

  /** For `node` of a process that takes part. @throws Error when this tool is not built */
  get nodeOptions(): readonly string[] {
    const file = join(__dirname, '..', '..', 'dist', 'faults', 'preload.js');
    if (!existsSync(file))
      throw new Error('libs/testing/dist/faults/preload.js is not there: build the workspace first');
    return ['--require', file];
  }

  /** Variables of a process that takes part. @param service what plans call it */
  env(service: string): Readonly<Record<string, string>> {
    return { [FAULT_VARIABLES.directory]: this.directory, [FAULT_VARIABLES.service]: service };
  }

  /** Plans one fault in the place of the one before. */
  arm(site: CommitSite, point: FaultPoint): FaultPlan {
    const { service, flow, step, kind, occurrence } = site;
    const plan: FaultPlan = { id: `fault-${++this.#planned}`, service, flow, step, kind, occurrence, point };
    const draft = `${planFile(this.directory)}.tmp`;
    writeFileSync(draft, JSON.stringify(plan));
    renameSync(draft, planFile(this.directory));
    return plan;
  }

  disarm(): void {
    rmSync(planFile(this.directory), { force: true });
  }

  /**
   * Waits until the planned process has died.
   * @throws Error when that has not happened within `timeoutMs`, or `unless` aborted 3 s ago
   */
  async killed({ id, service }: FaultPlan, timeoutMs: number, unless?: AbortSignal): Promise<Kill> {
    const file = killFile(this.directory, id);
    let graceUntil = Infinity;
    await waitUntil(
      `the death of ${service}`,
      () => {
        if (existsSync(file)) return true;
        // others can see a commit before the one who made it is told, and dies
        if (unless?.aborted) graceUntil = Math.min(graceUntil, Date.now() + GRACE_MS);
        if (Date.now() > graceUntil) throw new Error(`${service} did not come to the commit that it was to die at`);
        return false;
      },
      { withinMs: timeoutMs, everyMs: POLL_MS },
    );
    const kill = parseKill(readFileSync(file, 'utf8'));
    // a process that was killed is gone only when its starter has noticed
    await waitUntil(`the end of ${service} (${kill.pid})`, () => isGone(kill.pid), { withinMs: timeoutMs });
    return kill;
  }

  /** Every process that died of a plan so far. */
  kills(): Kill[] {
    const directory = killsDirectory(this.directory);
    return readdirSync(directory).map((name) => parseKill(readFileSync(join(directory, name), 'utf8')));
  }

  /** From now on each commit is written down. */
  startRecording(): void {
    writeFileSync(commitsFile(this.directory), '');
  }

  /** What was recorded so far. */
  recorded(): CommitSite[] {
    return parseCommits(readFileSync(commitsFile(this.directory), 'utf8'));
  }

  /** What was recorded; ends the recording. */
  stopRecording(): CommitSite[] {
    const sites = this.recorded();
    rmSync(commitsFile(this.directory));
    return sites;
  }
}
