import type { FlowId } from '@cpns/telemetry';
import type { CollectedStep } from '@cpns/testing';
import type { DueRun } from './due-run';

/** A step of another part, by that part's key. */
export interface Before {
  readonly part: string;
  readonly flow: FlowId;
  readonly step: number;
}

/** The steps of one flow in one trace, and of one part of it. */
export class FlowPart {
  readonly steps = new Map<number, CollectedStep>();
  /** How many of the steps that are due were handed out. */
  #handedOut = 0;

  #run: DueRun | undefined;
  #before: readonly Before[] = [];

  constructor(
    readonly key: string,
    readonly flow: FlowId,
  ) {}

  /** That it belongs to; undefined until a step came that says so. */
  get run(): DueRun | undefined {
    return this.#run;
  }

  /** Where it goes on after other parts: the steps, one of which comes before its first. */
  get before(): readonly Before[] {
    return this.#before;
  }

  belongTo(run: DueRun, before: readonly Before[]): void {
    this.#run = run;
    this.#before = before;
  }

  /** Whether a step was handed out. */
  hasHandedOut(step: number): boolean {
    return this.run?.steps.slice(0, this.#handedOut).includes(step) === true;
  }

  /** The steps that follow one another from the last one that was handed out, as far as they have come. */
  take(): CollectedStep[] {
    const taken: CollectedStep[] = [];
    const next = () => this.steps.get(this.run?.steps[this.#handedOut] ?? 0);
    for (let step = next(); step !== undefined; step = next()) {
      taken.push(step);
      this.#handedOut += 1;
    }
    return taken;
  }

  /** The steps that were not handed out, in their order. */
  held(): CollectedStep[] {
    return [...this.steps.values()].filter(({ step }) => !this.hasHandedOut(step)).sort((a, b) => a.step - b.step);
  }

  /** Of the steps that are due, those that have come. */
  seen(): number[] {
    return (this.run?.steps ?? []).filter((step) => this.steps.has(step));
  }
}
