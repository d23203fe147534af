import type { CollectedStep } from '@cpns/testing';
import { stepLine, trialLine } from './format';
import type { Trial } from './trials';

/** Where the demo writes to; a test gives its own. */
export interface Output {
  write(text: string): unknown;
}

/** What is seen while the demo works: steps as the services report them, and between them what the demo does. */
export class Screen {
  readonly #startedAt = Date.now();

  constructor(private readonly output: Output) {}

  /** Seconds since the start. */
  get seconds(): number {
    return (Date.now() - this.#startedAt) / 1000;
  }

  /** What the demo itself is doing. */
  progress(sentence: string): void {
    this.output.write(`# ${this.seconds.toFixed(1)} s  ${sentence}\n`);
  }

  step(step: CollectedStep): void {
    this.output.write(`${stepLine(step)}\n`);
  }

  trial(trial: Trial): void {
    this.output.write(`${trialLine(trial)}\n`);
  }

  text(text: string): void {
    this.output.write(`${text}\n`);
  }
}
