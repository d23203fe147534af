/** Members of a group that seal and open without a pause, while something happens to another. */
import { CpnsError } from '@cpns/core';
import { parseContentHeader } from '@cpns/group-key';
import { retried, type LocalDevice } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TrafficOptions {
  /** Between two messages, milliseconds. */
  readonly pauseMs: number;
}
const PASSING = { isPassing: ({ reason }: CpnsError) => reason === 'DEPENDENCY_UNAVAILABLE', everyMs: 200 };

export interface Sealed {
  /** Unix milliseconds. */
  readonly at: number;
  readonly version: bigint;
  readonly message: Buffer;
}

/** One device seals, another opens. */
export class Traffic {
  readonly sealed: Sealed[] = [];
  /** Messages under way that a new version made worthless. */
  lost = 0;
  /** What went wrong otherwise. */
  readonly faults: string[] = [];
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(
    readonly groupId: string,
    private readonly sender: LocalDevice,
    private readonly receiver: LocalDevice,
    private readonly options: TrafficOptions = { pauseMs: 20 },
  ) {
    this.#running = this.#run();
  }

  /** When the first message under this version or a newer one was sealed, Unix milliseconds; undefined before. */
  firstAt(version: bigint): number | undefined {
    return this.sealed.find((one) => one.version >= version)?.at;
  }

  async stop(): Promise<this> {
    this.#stopped = true;
    await this.#running;
    return this;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#one().catch((error: unknown) => this.faults.push(String(error)));
      await sleep(this.options.pauseMs);
    }
  }

  async #one(): Promise<void> {
    const { groupId } = this;
    const plaintext = Buffer.from(`${groupId} ${this.sealed.length}`);
    const { value: message } = await retried(() => this.sender.groups.seal(groupId, plaintext), PASSING);
    this.sealed.push({ at: Date.now(), version: parseContentHeader(message).version, message });
    try {
      const { value } = await retried(() => this.receiver.groups.open(message), PASSING);
      if (!value.plaintext.equals(plaintext)) this.faults.push('another plaintext came out');
    } catch (error) {
      // sealed before the sender knew of an emergency, which the receiver knew
      if (!(error instanceof CpnsError) || error.reason !== 'VERSION_RETIRED') throw error;
      this.lost += 1;
    }
  }
}
