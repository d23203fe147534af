import { CpnsError, parseIdentityUri } from '@cpns/core';
import { stepOfSpan, type CollectedSpan, type CollectedStep } from '@cpns/testing';
import { FlowPart } from './flow-part';
import { follows, graphOf, type SpanGraph } from './order';
import { partiesOf, type Party } from './parties';
import { beforeOf, isNamedByScene, partKey, partOf } from './parts';
import type { DueRun } from './due-run';

/** What was seen of a run that is due. */
export interface RunOutcome {
  readonly run: DueRun;
  /** Step numbers, in order. */
  readonly seen: readonly number[];
  readonly traceId: string | undefined;
}

/** URIs of the services, which take part in every run. */
export type Services = Readonly<Record<Exclude<Party, 'entity' | 'gateway'>, string>>;

export interface BookOptions {
  readonly services: Services;
  /** Whether a span comes from the demo itself. */
  readonly isOwn: (span: CollectedSpan) => boolean;
  /** Whether the deployment serves nobody else, so that whatever is not due is wrong. */
  readonly isAlone: boolean;
}

/** Whether a span comes from a process of this identity. */
export type ReportedBy = (identity: string, span: CollectedSpan) => boolean;

/**
 * Keeps the books on what the services report: puts steps together by trace, holds them against what is due, and tells
 * what is wrong with them. What it was told by nobody it does not know.
 */
export class FlowBook {
  readonly #identities: ReadonlySet<string>;
  /** Of the devices. */
  readonly #entities: ReadonlySet<string>;
  readonly #parts = new Map<string, FlowPart>();
  readonly #spans: CollectedSpan[] = [];
  readonly #faults: string[] = [];
  /** The scene in which a trace began. */
  readonly #sceneOf = new Map<string, string | undefined>();
  #scene: string | undefined;

  constructor(
    private readonly due: readonly DueRun[],
    private readonly options: BookOptions,
  ) {
    const named = due.filter(({ kind }) => kind !== 'Service Group');
    const gateways = new Set(named.map(({ gateway }) => gateway));
    this.#entities = new Set(named.map(({ entity }) => entity).filter((entity) => !gateways.has(entity)));
    this.#identities = new Set([...Object.values(options.services), ...gateways, ...this.#entities]);
  }

  /** Everything that is wrong so far; a step that is missing shows in the outcomes. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** Traces that begin from now on are of this scene: the demo does it, and the services report what comes of it. */
  begin(scene: string): void {
    this.#scene = scene;
  }

  /**
   * Enters a span.
   * @returns the steps that it lets out: those of a part that follow one another from the first on, as far as they have
   *   come. A step is reported by its receiver once it was accepted, so a later one may come in before it.
   */
  enter(span: CollectedSpan): CollectedStep[] {
    this.#spans.push(span);
    const step = this.#read(span);
    if (step === undefined || !this.#check(step)) return [];
    const part = this.#partOf(step);
    if (part.steps.has(step.step)) {
      this.#faults.push(`${part.flow} step ${step.step} was reported twice in one trace`);
      return [];
    }
    part.steps.set(step.step, step);
    return this.#release(part);
  }

  /** The steps that still wait for one before them, which never came. */
  held(): CollectedStep[] {
    return [...this.#parts.values()].filter((part) => this.#isOurs(part)).flatMap((part) => part.held());
  }

  /** Whether every step that is due was seen. */
  get complete(): boolean {
    return this.outcomes().every(isComplete);
  }

  /** Whether every step was seen that is due in a scene; with undefined, those that belong to none. */
  sceneIsComplete(scene: string | undefined): boolean {
    return this.outcomes().every((outcome) => outcome.run.scene !== scene || isComplete(outcome));
  }

  /** What was seen of each run that is due; of one that was tried again, the attempt that came furthest. */
  outcomes(): RunOutcome[] {
    return this.due.map((run) => {
      const attempts = [...this.#parts.values()].filter((part) => part.run === run);
      const [best] = attempts.sort((a, b) => b.seen().length - a.seen().length);
      const [first] = best?.steps.values() ?? [];
      return { run, seen: best?.seen() ?? [], traceId: first?.span.traceId };
    });
  }

  /** What can be judged only when every span is there: parties, processes, order. */
  close(reportedBy: ReportedBy): void {
    const graph = graphOf(this.#spans);
    for (const part of this.#parts.values()) {
      const { flow, steps, run } = part;
      if (run === undefined) {
        if (!this.#isOurs(part)) continue;
        const first = Math.min(...steps.keys());
        this.#faults.push(`${flow}, beginning with step ${first}, is a run that is not due`);
        continue;
      }
      for (const step of steps.values()) this.#checkParties(step, run, reportedBy);
      this.#checkOrder(part, run, graph);
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

  /** @returns whether the step is to be entered: one of somebody else's devices is passed over */
  #check({ flow, step, from, to, span }: CollectedStep): boolean {
    const fault = (what: string) => this.#faults.push(`${flow} step ${step} ${what}`);
    if (this.options.isOwn(span)) fault('was reported by the demo itself');
    for (const [end, uri] of [['from', from] as const, ['to', to] as const]) {
      const problem = nameProblem(uri);
      if (problem === undefined && this.#identities.has(uri)) continue;
      if (problem === undefined && !this.options.isAlone) return false;
      fault(`has a '${end}' that ${problem ?? 'names nobody of this deployment'}`);
    }
    return true;
  }

  /** Whether a part is the demo's doing; what names none of its devices and is not due may be somebody else's. */
  #isOurs({ run, steps }: FlowPart): boolean {
    const names = [...steps.values()].flatMap(({ from, to }) => [from, to]);
    return this.options.isAlone || run !== undefined || names.some((uri) => this.#entities.has(uri));
  }

  #partOf(step: CollectedStep): FlowPart {
    const { flow, span } = step;
    const key = partKey(flow, partOf(step), span.traceId);
    const part = this.#parts.get(key) ?? new FlowPart(key, flow);
    this.#parts.set(key, part);
    if (!this.#sceneOf.has(span.traceId)) this.#sceneOf.set(span.traceId, this.#scene);
    const run = part.run ?? this.#runOf(step);
    if (run !== undefined) part.belongTo(run, beforeOf(run, span.traceId));
    return part;
  }

  /** Of the steps in the middle only the trace says whose they are; of those of a group also when it began. */
  #runOf({ flow, step, from, to, span }: CollectedStep): DueRun | undefined {
    const scene = this.#sceneOf.get(span.traceId);
    const runs = this.due.filter(
      (run) =>
        run.flow === flow &&
        run.steps.includes(step) &&
        (run.scene === undefined || run.scene === scene) &&
        (isNamedByScene(flow, step) || [from, to].includes(run.entity)),
    );
    const taken = new Set([...this.#parts.values()].map(({ run }) => run));
    // when each was seen once, it is one of them that is tried again
    return runs.find((run) => !taken.has(run)) ?? runs[0];
  }

  #release(part: FlowPart): CollectedStep[] {
    const { before } = part;
    const isOpen = before.length === 0 || before.some((one) => this.#parts.get(one.part)?.hasHandedOut(one.step));
    const taken = isOpen ? part.take() : [];
    if (taken.length === 0) return [];
    const after = [...this.#parts.values()].filter((other) => other.before.some((one) => one.part === part.key));
    return [...taken, ...after.flatMap((other) => this.#release(other))];
  }

  #checkParties({ flow, step, from, to, span }: CollectedStep, run: DueRun, reportedBy: ReportedBy): void {
    const uriOf: Readonly<Record<Party, string>> = {
      ...this.options.services,
      entity: run.entity,
      gateway: run.gateway,
    };
    const [sender, receiver] = partiesOf(flow, step);
    const fault = (what: string) => this.#faults.push(`${flow} step ${step} of ${run.id} ${what}`);
    if (!run.steps.includes(step)) fault('is not due');
    if (from !== uriOf[sender] || to !== uriOf[receiver])
      fault(`went from ${from} to ${to}, and not from ${uriOf[sender]} to ${uriOf[receiver]}`);
    // a message is reported by its receiver, an internal step by its doer: both stand in `to`
    if (!reportedBy(to, span)) fault(`was reported by process ${span.pid}, which is not one of ${to}`);
  }

  #checkOrder({ flow, steps, before }: FlowPart, run: DueRun, graph: SpanGraph): void {
    const fault = (step: number, earlier: string) =>
      this.#faults.push(`${flow} of ${run.id}: neither a parent nor a link puts step ${step} after ${earlier}`);
    const [first] = run.steps.map((step) => steps.get(step));
    const earlier = before
      .map(({ part, step }) => this.#parts.get(part)?.steps.get(step))
      .filter((one) => one !== undefined);
    if (first !== undefined && before.length > 0 && !earlier.some((one) => follows(graph, first.span, one.span)))
      fault(first.step, before.map((one) => `step ${one.step} of ${one.flow}`).join(' or '));
    for (const [index, number] of run.steps.entries()) {
      const [previous, after] = [steps.get(run.steps[index - 1] ?? 0), steps.get(number)];
      if (previous !== undefined && after !== undefined && !follows(graph, after.span, previous.span))
        fault(number, `step ${previous.step}`);
    }
  }
}

const isComplete = ({ run, seen }: RunOutcome): boolean => seen.length === run.steps.length;

function nameProblem(uri: string): string | undefined {
  try {
    parseIdentityUri(uri);
    return undefined;
  } catch (error) {
    if (error instanceof CpnsError) return `is no name: ${error.message}`;
    throw error;
  }
}
