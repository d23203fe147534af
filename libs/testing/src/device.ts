import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeviceSession } from './device-session';
import { ManagedProcess } from './managed-process';
import { mainOf } from './workspace';

/** How far a device goes before its process ends. */
export type DeviceStage = 'assigned' | 'registered' | 'proved';

/** What a device's process wrote about itself; it holds no secret. */
export interface DeviceResult {
  /** Of its life cycle: `assigned`, `registering`, `live`. */
  readonly stage: string;
  readonly entity: string;
  readonly user: string;
  /** URI of the Server, or E of a gateway. */
  readonly assigner: string | null;
  /** 32 hexadecimal digits, once the key is live. */
  readonly keyId: string | null;
  /** PEM, leaf to root; in form key pair. */
  readonly chain: string | null;
}

export interface DeviceSpec {
  /** E of the target entity. */
  readonly entity: string;
  /** For its store, its files and its log; made before. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly nodeOptions: readonly string[];
}

const RUN_MS = 60_000;

/** A target entity: a store of its own, on which any number of processes run one after another. */
export class Device {
  readonly #runs: ManagedProcess[] = [];

  constructor(readonly spec: DeviceSpec) {}

  get entity(): string {
    return this.spec.entity;
  }

  /** For `openStore`. */
  get storeUrl(): string {
    return this.spec.env.CPNS_STORE ?? '';
  }

  get #resultFile(): string {
    return join(this.spec.directory, 'result.json');
  }

  /** Process ids of its runs so far. */
  get pids(): readonly number[] {
    return this.#runs.map(({ pid }) => pid);
  }

  /** Of the last run that got so far. @throws Error when there is none */
  result(): DeviceResult {
    return JSON.parse(readFileSync(this.#resultFile, 'utf8')) as DeviceResult;
  }

  /**
   * Runs its process to a stage; one that was killed goes on where its store says that it was.
   * @throws Error with the end of its log when it does not end within 60 s, or otherwise than with code 0
   */
  async run(until: DeviceStage = 'proved'): Promise<DeviceResult> {
    const process = await this.#start(until, {});
    await Promise.race([process.exited, sleep(RUN_MS, undefined, { ref: false })]);
    if (process.exit?.code !== 0) {
      const error = process.failure('did not finish');
      await process.kill('SIGKILL');
      throw error;
    }
    return this.result();
  }

  /**
   * Runs its process until its key is proved, from where on it takes commands. One that was killed goes on with the
   * command that it was at.
   * @throws Error with the end of its log when it does not get there
   */
  async open(): Promise<DeviceSession> {
    const commands = join(this.spec.directory, 'commands');
    mkdirSync(commands, { recursive: true, mode: 0o700 });
    const process = await this.#start('proved', { CPNS_COMMAND_DIRECTORY: commands });
    await process.waitForFile(this.#resultFile, RUN_MS);
    return new DeviceSession(commands, process);
  }

  /** Ends a run that has not ended by itself. */
  async stop(): Promise<void> {
    await Promise.all(this.#runs.map((process) => process.kill('SIGKILL')));
  }

  async #start(until: DeviceStage, env: Readonly<Record<string, string>>): Promise<ManagedProcess> {
    rmSync(this.#resultFile, { force: true });
    const process = await ManagedProcess.start({
      name: this.entity,
      main: mainOf('pne'),
      nodeOptions: this.spec.nodeOptions,
      env: {
        ...this.spec.env,
        CPNS_RESULT_FILE: this.#resultFile,
        CPNS_UNTIL: until,
        ...env,
      },
      logFile: join(this.spec.directory, 'log'),
    });
    this.#runs.push(process);
    return process;
  }
}
