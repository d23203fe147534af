import type { Timers } from './timers';

/** Wakes one waiter. A wake-up without a waiter is kept for the next wait; several are one. */
export class WakeSignal {
  #woken = false;
  #waiter: (() => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#waiter?.();
  }

  /** Resolves when it was woken since the last wait, or after `milliseconds`. */
  async wait(timers: Timers, milliseconds: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const cancel = timers.after(milliseconds, resolve);
        this.#waiter = () => {
          cancel();
          resolve();
        };
      });
      this.#waiter = undefined;
    }
    this.#woken = false;
  }
}
