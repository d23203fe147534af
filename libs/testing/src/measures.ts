/** What a running process costs, and what its callers notice. */
import { readFileSync, writeFileSync } from 'node:fs';

/** proc_pid_status(5): the most that a process had resident since it was asked before, MiB. */
export function peakMiB(pid: number): number {
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  // proc_pid_clear_refs(5): 5 resets the peak
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return Number(peak) / 1_024;
}

/** Milliseconds of each call, one after another in each of some lanes, until it is stopped. */
export class Timings {
  readonly #took: number[] = [];
  #stopped = false;
  readonly #lanes: Promise<unknown>;

  constructor(calls: readonly (() => Promise<unknown>)[]) {
    this.#lanes = Promise.all(calls.map((call) => this.#lane(call)));
  }

  async #lane(call: () => Promise<unknown>): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now();
      await call();
      this.#took.push(performance.now() - began);
    }
  }

  async stop(): Promise<{ readonly p50: number; readonly p99: number }> {
    this.#stopped = true;
    await this.#lanes;
    const sorted = this.#took.sort((a, b) => a - b);
    const at = (part: number) => sorted[Math.floor(part * sorted.length)] ?? NaN;
    return { p50: at(0.5), p99: at(0.99) };
  }
}
