/** A device whose process stays and does what it is told, one command after another (the command files of apps/pne). */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagedProcess } from './managed-process';

/** What a device may be told. Bytes are in base64. */
export type DeviceCommand =
  | { readonly command: 'join' | 'leave'; readonly group: string }
  | { readonly command: 'pull'; readonly group: string; readonly version?: number }
  | { readonly command: 'watch' | 'unwatch' | 'stop' }
  | { readonly command: 'await'; readonly group: string; readonly version: number; readonly timeoutMs?: number }
  | { readonly command: 'seal'; readonly group: string; readonly data: string }
  | { readonly command: 'open'; readonly message: string }
  | { readonly command: 'status'; readonly group?: string };

/** What a device knows of a group. */
export interface DeviceGroupStatus {
  readonly group: string;
  /** Of the highest statement; 0 without one. */
  readonly version: number;
  readonly ended: boolean;
  readonly left: boolean;
  /** Unix milliseconds. */
  readonly sealUntil: number | null;
  /** Whose keys it holds, oldest first. */
  readonly versions: readonly number[];
}

/** What comes with the answer to each command. */
interface Answers extends Readonly<Record<'join' | 'leave' | 'watch' | 'unwatch' | 'stop', object>> {
  readonly pull: { readonly version: number; readonly delivery: string };
  readonly await: { readonly delivery: string | null };
  readonly seal: { readonly message: string; readonly version: number };
  readonly open: { readonly group: string; readonly version: number; readonly sender: string; readonly data: string };
  readonly status: { readonly groups: readonly DeviceGroupStatus[] };
}

/** What came of a command; a reason is stable, as in docs/errors.md. */
export type DeviceAnswer<C extends DeviceCommand['command']> =
  ({ readonly ok: true } & Answers[C]) | { readonly ok: false; readonly reason: string; readonly message: string };

const ANSWER_MS = 30_000;
const COMMAND = /^(\d+)\.command\.json$/;

/** Writes commands and reads what came of them; `n` goes on over the restarts of the process. */
export class DeviceSession {
  #last: number;

  /** @param directory for its files, made before; of every process of the device the same one */
  constructor(
    readonly directory: string,
    readonly process: ManagedProcess,
  ) {
    this.#last = Math.max(0, ...readdirSync(directory).map((name) => Number(COMMAND.exec(name)?.[1] ?? 0)));
  }

  /**
   * Gives one command; the device works commands off in the order in which they were given.
   * @throws Error with the end of its log when the process ended, or gave no answer within 30 s
   */
  command<C extends DeviceCommand>(command: C): Promise<DeviceAnswer<C['command']>> {
    const n = ++this.#last;
    const draft = join(this.directory, `${n}.draft`);
    writeFileSync(draft, JSON.stringify(command), { mode: 0o600 });
    renameSync(draft, join(this.directory, `${n}.command.json`));
    return this.answer(n);
  }

  /** As {@link command}, where a refusal is a fault. @throws Error with the reason */
  async must<C extends DeviceCommand>(command: C): Promise<Extract<DeviceAnswer<C['command']>, { readonly ok: true }>> {
    const answer = await this.command(command);
    if (!answer.ok)
      throw new Error(`${this.process.name} was refused ${command.command}: ${answer.reason}: ${answer.message}`);
    return answer;
  }

  /** Lets the process end by itself. */
  async stop(): Promise<void> {
    if (this.process.exit !== undefined) return;
    await this.must({ command: 'stop' });
    await this.process.exited;
  }

  /** Of a command that was given before, perhaps to an earlier process. @throws Error as {@link command} */
  async answer<C extends DeviceCommand['command']>(n: number): Promise<DeviceAnswer<C>> {
    const file = join(this.directory, `${n}.result.json`);
    await this.process.waitForFile(file, ANSWER_MS, 'answer');
    return JSON.parse(readFileSync(file, 'utf8')) as DeviceAnswer<C>;
  }
}
