import { Clock, duration } from '@cpns/core';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { AGE, AGE_AGGREGATE, AGE_STORED_EACH_MS } from './records';

/** Time that a change of the system's clock does not move, milliseconds. */
@Injectable()
export class MonotonicClock {
  now(): number {
    return performance.now();
  }
}

const WANTED = { age: at(AGE) };
/** Older than any table may be. */
const NEVER = -duration(36_500, 'day');

/**
 * How long ago this gateway knew all that the Server had to tell. It is stored, so that a restart makes no table younger, and
 * at most a minute older.
 */
@Injectable()
export class TableAge {
  #noted: { readonly wall: number; readonly monotonic: number } | undefined;
  #stored: number | undefined;

  constructor(
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly monotonic: MonotonicClock,
  ) {}

  /**
   * All up to the entry that a `state` message names is committed.
   * @param arrived when that message came, Unix milliseconds
   */
  async note(arrived: number): Promise<void> {
    const elapsed = Math.max(0, this.clock.now() - arrived);
    this.#noted = { wall: arrived, monotonic: this.monotonic.now() - elapsed };
    const stored = await this.stored();
    if (arrived >= stored && arrived - stored < AGE_STORED_EACH_MS) return;
    await this.records.transact(AGE_AGGREGATE, WANTED, () => ({
      result: undefined,
      put: { age: { currentAt: arrived } },
    }));
    this.#stored = arrived;
  }

  /** When the table was current, Unix milliseconds. */
  async currentAt(): Promise<number> {
    return this.#noted?.wall ?? (await this.stored());
  }

  /** Milliseconds: by the wall or by the monotonic clock, whichever says more. */
  async age(): Promise<number> {
    const wall = this.clock.now() - (await this.currentAt());
    const monotonic = this.#noted === undefined ? 0 : this.monotonic.now() - this.#noted.monotonic;
    return Math.max(wall, monotonic);
  }

  private async stored(): Promise<number> {
    this.#stored ??= (await this.records.read(AGE_AGGREGATE, WANTED)).age?.currentAt ?? NEVER;
    return this.#stored;
  }
}
