import type { Timers } from './timers';

/** Wakes one waiter. A ring while nobody waits is kept for the next wait; several are one. */
export class Bell {
  #rung = false;
  #waiter: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#waiter?.();
  }

  /** Resolves when the bell has been rung since the last wait, or after `milliseconds`. */
  async wait(timers: Timers, milliseconds: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const cancel = timers.after(milliseconds, resolve);
        this.#waiter = () => {
          cancel();
          resolve();
        };
      });
      this.#waiter = undefined;
    }
    this.#rung = false;
  }
}
