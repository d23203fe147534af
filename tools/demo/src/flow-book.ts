import { CpnsError } from '@cpns/core';
import { parseIdentityUri } from '@cpns/identity';
import { stepOfSpan, type CollectedSpan, type CollectedStep } from '@cpns/testbed';
import { follows, graphOf } from './order';
import { partiesOf, type Party } from './parties';
import { isProvisioning, type DueRun } from './plan';

/** Steps of one flow in one trace; those of B.1.2 that provision a gateway apart from the others. */
interface Group {
  readonly label: string;
  readonly steps: Map<number, CollectedStep>;
  readonly firstStep: number;
  /** The next step to hand out. */
  next: number;
  run: DueRun | undefined;
}

/** What was seen of a run that is due. */
export interface RunOutcome {
  readonly run: DueRun;
  /** Step numbers, in order. */
  readonly seen: readonly number[];
  readonly traceId: string | undefined;
}

/** Process ids under which an identity may report. */
export type PidsOf = (identity: string) => readonly number[];

/**
 * Keeps the books on what the services report: puts steps together by trace, holds them against what is due, and tells
 * what is wrong with them. What it was told by nobody it does not know.
 */
export class FlowBook {
  readonly #due: readonly DueRun[];
  readonly #server: string;
  readonly #identities: ReadonlySet<string>;
  readonly #groups = new Map<string, Group>();
  readonly #spans: CollectedSpan[] = [];
  readonly #faults: string[] = [];

  constructor(
    due: readonly DueRun[],
    server: string,
    private readonly ownPid: number,
  ) {
    this.#due = due;
    this.#server = server;
    this.#identities = new Set([server, ...due.flatMap(({ entity, gateway }) => [entity, gateway])]);
  }

  /** Everything that is wrong so far; a step that is missing shows in the outcomes. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /**
   * Enters a span.
   * @returns the steps that it lets out: those of its group that follow one another from the first on, as far as they
   *   have come. A step is reported by its receiver once it was accepted, so a later one may come in before it.
   */
  enter(span: CollectedSpan): CollectedStep[] {
    this.#spans.push(span);
    const step = this.#read(span);
    if (step === undefined) return [];
    this.#check(step);
    const group = this.#groupOf(step);
    if (group.steps.has(step.step)) {
      this.#faults.push(`${group.label} step ${step.step} was reported twice in one trace`);
      return [];
    }
    group.steps.set(step.step, step);
    group.run ??= this.#runOf(step);
    return this.#release(group);
  }

  /** The steps that still wait for one before them, which never came. */
  held(): CollectedStep[] {
    return [...this.#groups.values()].flatMap(({ steps, next }) =>
      [...steps.values()].filter(({ step }) => step >= next),
    );
  }

  /** Whether every step that is due was seen. */
  get complete(): boolean {
    return this.outcomes().every(({ run, seen }) => seen.length === run.steps.length);
  }

  /** What was seen of each run that is due; of one that was tried again, the attempt that came furthest. */
  outcomes(): RunOutcome[] {
    return this.#due.map((run) => {
      const attempts = [...this.#groups.values()].filter((group) => group.run === run);
      const seenIn = (group: Group) => run.steps.filter((step) => group.steps.has(step));
      const [best] = attempts.sort((a, b) => seenIn(b).length - seenIn(a).length);
      const [first] = best?.steps.values() ?? [];
      return { run, seen: best === undefined ? [] : seenIn(best), traceId: first?.span.traceId };
    });
  }

  /** What can be judged only when every span is there: parties, processes, order. */
  close(pidsOf: PidsOf): void {
    const graph = graphOf(this.#spans);
    for (const { label, steps, run, firstStep } of this.#groups.values()) {
      if (run === undefined) {
        this.#faults.push(`${label}, beginning with step ${firstStep}, is a run that is not due`);
        continue;
      }
      for (const step of steps.values()) this.#checkParties(step, run, pidsOf);
      for (const [index, number] of run.steps.entries()) {
        const [before, after] = [steps.get(run.steps[index - 1] ?? 0), steps.get(number)];
        if (before !== undefined && after !== undefined && !follows(graph, after.span, before.span))
          this.#faults.push(
            `${label} of ${run.id}: neither a parent nor a link puts step ${number} after step ${before.step}`,
          );
      }
    }
  }

  #read(span: CollectedSpan): CollectedStep | undefined {
    try {
      return stepOfSpan(span);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#faults.push(error.message);
      return undefined;
    }
  }

  #check({ flow, step, from, to, span }: CollectedStep): void {
    const fault = (what: string) => this.#faults.push(`${flow} step ${step} ${what}`);
    if (span.pid === this.ownPid) fault('was reported by the demo itself');
    for (const [end, uri] of [['from', from] as const, ['to', to] as const]) {
      const problem = nameProblem(uri) ?? (this.#identities.has(uri) ? undefined : 'names nobody of this deployment');
      if (problem !== undefined) fault(`has a '${end}' that ${problem}`);
    }
  }

  #groupOf({ flow, step, span }: CollectedStep): Group {
    const provisioning = isProvisioning(flow, step);
    const key = `${flow}/${provisioning}/${span.traceId}`;
    const firstStep = this.#due.find((run) => run.flow === flow && run.steps.includes(step))?.steps[0] ?? 1;
    const group = this.#groups.get(key) ?? {
      label: flow,
      steps: new Map(),
      firstStep,
      next: firstStep,
      run: undefined,
    };
    this.#groups.set(key, group);
    return group;
  }

  /** Of the steps in the middle only the trace says whose they are. */
  #runOf({ flow, step, from, to }: CollectedStep): DueRun | undefined {
    return this.#due.find((run) => run.flow === flow && run.steps.includes(step) && [from, to].includes(run.entity));
  }

  #release(group: Group): CollectedStep[] {
    const released: CollectedStep[] = [];
    for (let step = group.steps.get(group.next); step !== undefined; step = group.steps.get(group.next)) {
      released.push(step);
      group.next += 1;
    }
    return released;
  }

  #checkParties({ flow, step, from, to, span }: CollectedStep, run: DueRun, pidsOf: PidsOf): void {
    const uriOf: Readonly<Record<Party, string>> = { entity: run.entity, gateway: run.gateway, server: this.#server };
    const [sender, receiver] = partiesOf(flow, step);
    const fault = (what: string) => this.#faults.push(`${flow} step ${step} of ${run.id} ${what}`);
    if (from !== uriOf[sender] || to !== uriOf[receiver])
      fault(`went from ${from} to ${to}, and not from ${uriOf[sender]} to ${uriOf[receiver]}`);
    // a message is reported by its receiver, an internal step by its doer: both stand in `to`
    if (!pidsOf(to).includes(span.pid)) fault(`was reported by process ${span.pid}, which is not one of ${to}`);
  }
}

function nameProblem(uri: string): string | undefined {
  try {
    parseIdentityUri(uri);
    return undefined;
  } catch (error) {
    if (error instanceof CpnsError) return `is no name: ${error.message}`;
    throw error;
  }
}
