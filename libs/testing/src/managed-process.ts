import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
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

/** Whether a process of ours is there; one that was killed is, until its starter has noticed. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

const STOP_MS = 15_000;
const POLL_MS = 10;
const TAIL_LINES = 20;

/** A node process of ours: its log goes to a file, and it never outlives this process (guard.ts). */
export class ManagedProcess {
  readonly name: string;
  readonly logFile: string;
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;

  private constructor(
    { name, logFile }: ProcessSpec,
    private readonly child: ChildProcess,
  ) {
    this.name = name;
    this.logFile = logFile;
    this.pid = child.pid ?? NaN;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** @throws Error when node cannot be started, or a program is not built */
  static async start(spec: ProcessSpec): Promise<ManagedProcess> {
    const { main, args = [], nodeOptions = [], env, logFile } = spec;
    const base = Object.fromEntries(inherited.map((name) => [name, process.env[name]]));
    const command = ['--require', guardFile(), ...nodeOptions, main, ...args];
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(process.execPath, command, { env: { ...base, ...env }, stdio: ['pipe', log, log] });
    closeSync(log);
    await once(child, 'spawn');
    // the pipe only tells the child that we are there; that the child closed it is seen in its exit
    child.stdin?.on('error', () => undefined);
    return new ManagedProcess(spec, child);
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Sends a signal; with SIGKILL, waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#exit === undefined) this.child.kill(signal);
    if (signal === 'SIGKILL') await this.exited;
  }

  /** SIGTERM, then SIGKILL after a grace (milliseconds). */
  async stop(graceMs = STOP_MS): Promise<Exit> {
    await this.kill('SIGTERM');
    await Promise.race([this.exited, sleep(graceMs, undefined, { ref: false })]);
    await this.kill('SIGKILL');
    return this.exited;
  }

  /** The last lines of its log. */
  logTail(): string {
    const log = existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').trimEnd() : '';
    return log.split('\n').slice(-TAIL_LINES).join('\n');
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
    for (const until = Date.now() + timeoutMs; !existsSync(file); await sleep(POLL_MS)) {
      if (this.#exit !== undefined) throw this.failure(`did not ${what}`);
      if (Date.now() > until) throw this.failure(`did not ${what} within ${timeoutMs} ms`);
    }
  }
}
