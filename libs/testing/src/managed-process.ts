import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardFile } from './workspace';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessSpec {
  /** For messages. */
  readonly name: string;
  /** The script to run. */
  readonly main: string;
  readonly args?: readonly string[];
  /** Options of node itself, such as `['--require', file]`. */
  readonly nodeOptions?: readonly string[];
  /** Everything that the process sees besides what {@link inherited} lists. */
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and standard error, appended. */
  readonly logFile: string;
}

/** What node and the tools that a service may call need; a variable of the caller's own must not change a run. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_PATH', 'NODE_V8_COVERAGE'] as const;

const STOP_MS = 15_000;
const POLL_MS = 10;
const TAIL_LINES = 20;

/** Children that run; they end with this process, by their own pid. */
const running = new Set<ChildProcess>();
const reap = () => running.forEach((child) => child.kill('SIGKILL'));

function track(child: ChildProcess): void {
  if (running.size === 0) process.once('exit', reap);
  running.add(child);
  child.once('exit', () => {
    running.delete(child);
    if (running.size === 0) process.off('exit', reap);
  });
}

function launch({ main, args = [], nodeOptions = [], env, logFile }: ProcessSpec): ChildProcess {
  const guard = ['--require', guardFile()];
  const base = inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const log = openSync(logFile, 'a', 0o600);
  try {
    return spawn(process.execPath, [...guard, ...nodeOptions, main, ...args], {
      env: { ...(Object.fromEntries(base) as Record<string, string>), ...env },
      stdio: ['pipe', log, log],
    });
  } finally {
    closeSync(log);
  }
}

/** A node process of ours: its log goes to a file, and it never outlives this process. */
export class ManagedProcess {
  readonly name: string;
  readonly logFile: string;
  /** Resolves when the process is gone. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #exit: Exit | undefined;

  private constructor(spec: ProcessSpec, child: ChildProcess) {
    this.name = spec.name;
    this.logFile = spec.logFile;
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** @throws Error when node cannot be started, or a program is not built */
  static async start(spec: ProcessSpec): Promise<ManagedProcess> {
    const child = launch(spec);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    // the pipe only tells the child that we are there; that the child closed it is seen in its exit
    child.stdin?.on('error', () => undefined);
    track(child);
    return new ManagedProcess(spec, child);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} was not started`);
    return pid;
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Sends a signal; with SIGKILL, waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#exit !== undefined) return;
    this.#child.kill(signal);
    if (signal === 'SIGKILL') await this.exited;
  }

  /** SIGTERM, then SIGKILL after a grace (milliseconds). */
  async stop(graceMs = STOP_MS): Promise<Exit> {
    await this.kill('SIGTERM');
    const late = sleep(graceMs, 'late' as const, { ref: false });
    if ((await Promise.race([this.exited, late])) === 'late') await this.kill('SIGKILL');
    return this.exited;
  }

  /** The last lines of its log. */
  logTail(lines = TAIL_LINES): string {
    const log = existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').trimEnd() : '';
    return log.split('\n').slice(-lines).join('\n');
  }

  /** Says how it ended, with the end of its log. */
  failure(what: string): Error {
    const { code, signal } = this.#exit ?? {};
    const how =
      this.#exit === undefined ? 'is running' : signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
    return new Error(`${this.name} ${what}: it ${how}. The end of its log (${this.logFile}):\n${this.logTail()}`);
  }

  /**
   * Waits until a file is there.
   * @param what names that, as in `did not become ready`
   * @throws Error with the end of the log as soon as the process is gone, or after `timeoutMs`
   */
  async waitForFile(file: string, timeoutMs: number, what = 'become ready'): Promise<void> {
    const until = Date.now() + timeoutMs;
    while (!existsSync(file)) {
      if (this.#exit !== undefined) throw this.failure(`did not ${what}`);
      if (Date.now() > until) throw this.failure(`did not ${what} within ${timeoutMs} ms`);
      await sleep(POLL_MS);
    }
  }
}
