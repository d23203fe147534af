import { Injectable } from '@nestjs/common';

/**
 * Tells the calls that wait in this process that a change of their group came to its end: they need not wait until the
 * outbox has carried its notices to every gateway too.
 */
@Injectable()
export class Settlements {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves at the next settlement of a group; `cancel` when nobody waits any more. */
  next(groupId: string): { readonly settled: Promise<void>; readonly cancel: () => void } {
    const waiting = this.#waiting.get(groupId) ?? new Set();
    this.#waiting.set(groupId, waiting);
    let waiter: (() => void) | undefined;
    const settled = new Promise<void>((resolve) => {
      waiter = resolve;
      waiting.add(resolve);
    });
    const cancel = () => {
      if (waiter !== undefined) waiting.delete(waiter);
      if (waiting.size === 0 && this.#waiting.get(groupId) === waiting) this.#waiting.delete(groupId);
    };
    return { settled, cancel };
  }

  settle(groupId: string): void {
    const waiting = this.#waiting.get(groupId);
    this.#waiting.delete(groupId);
    for (const resolve of waiting ?? []) resolve();
  }
}
