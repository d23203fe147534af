import { context, trace, type Context, type Link } from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';
import { flowStep, isFlowId, type FlowId, type StepOf } from './flows';
import { isRecording } from './recording';
import { formatTraceparent, linkTo } from './trace-context';

/** Span attributes of a step; the demo and the tests read a flow back from these. */
export const STEP_ATTRIBUTES = {
  flow: 'cpns.flow',
  step: 'cpns.step',
  from: 'cpns.from',
  to: 'cpns.to',
  carried: 'cpns.carried',
} as const;

/**
 * What a step may say that it carried: names of fields, never a value. The list is closed, so that no code can put a
 * value where a name belongs.
 */
export const CARRIED_FIELDS = [
  'token_id',
  'entity',
  'user',
  'gateway',
  'form',
  'method',
  'hpke_public_key',
  'csr',
  'nonce',
  'mac',
  'enc',
  'ciphertext',
  'not_after',
  'request_id',
  'first_seed_id',
  'first_seed',
  'second_seed',
  'assign_until',
  'register_until',
  'max_entities',
  'ca_csr',
  'chain',
  'certificate',
  'signature',
  'confirmation',
  'replace_mac',
  'key_id',
  'entity_user_key',
  'group_id',
  'version',
  'membership_revision',
  'description',
  'members',
  'joined',
  'left',
  'previous',
  'group_key',
  'status',
  'key_location',
  'key_version',
  'deleted',
  'statement',
  'envelope',
  'envelopes',
  'relay',
  'entity_request',
  'entity_proof',
  'kind',
  'groups',
] as const;
export type CarriedField = (typeof CARRIED_FIELDS)[number];

const carriedNames: ReadonlySet<string> = new Set(CARRIED_FIELDS);

/** The step whose work the running code does. */
export interface CurrentStep {
  readonly flow: FlowId;
  readonly step: number;
}

interface Chain {
  last: string;
}

/** What the running code belongs to: one storage for all of it, since every promise of a process pays for each. */
interface Scope {
  readonly step?: CurrentStep;
  readonly asked?: FlowId;
  readonly chain?: Chain;
  readonly arrival?: Arrival | undefined;
}

/** A message that is a step, until it was accepted. */
interface Arrival {
  report: StepReport<FlowId> | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();

/** Marks everything that `fn` does, awaits included, as work of one step. Innermost wins. */
export function withinStep<F extends FlowId, T>(step: { flow: F; step: StepOf<F> }, fn: () => T): T {
  return scopes.run({ ...scopes.getStore(), step: { flow: step.flow, step: step.step } }, fn);
}

/**
 * Runs `fn` as the answer to a message that is a step of a flow, and as work of that step. The step is reported when the
 * message was accepted: before the first step that `fn` itself reports, or when `fn` ends well.
 */
export async function withinMessageStep<T>(report: StepReport<FlowId>, fn: () => Promise<T>): Promise<T> {
  const { flow, step } = report;
  const arrival: Arrival = { report };
  try {
    const result = await scopes.run({ ...scopes.getStore(), step: { flow, step }, arrival }, fn);
    reportArrival(arrival);
    return result;
  } finally {
    // work that a refused call left behind reports no arrival
    arrival.report = undefined;
  }
}

function reportArrival(arrival: Arrival | undefined): void {
  const report = arrival?.report;
  if (arrival === undefined || report === undefined) return;
  arrival.report = undefined;
  emitStep(report);
}

/** The step that {@link withinStep} announced: a tool that breaks commits on purpose picks its moment by it. */
export const currentStep = (): CurrentStep | undefined => scopes.getStore()?.step;

/**
 * The flow in whose course the caller made the call that is being answered, where it said so: a service that takes part in
 * several flows by one RPC reports its step under the right one. For traces only, since any caller can say anything.
 */
export const askedFlow = (): FlowId | undefined => scopes.getStore()?.asked;

/**
 * Everything that `fn` does forms one chain: each step emitted in it links to the one before, also where that one was
 * emitted by another process, since calls carry the last step there and back. Clocks are not needed to order them.
 * @param before traceparent of the step before the first, or empty
 */
export const withStepChain = <T>(before: string, fn: () => T): T =>
  // a message that is being answered belongs to the chain of its call
  scopes.run({ ...scopes.getStore(), arrival: undefined, chain: { last: before } }, fn);

/**
 * {@link withStepChain} for what answers a call.
 * @param flow id of the flow in whose course it was made; another text is ignored
 */
export function withinCall<T>(before: string, flow: string, fn: () => T): T {
  const scope = { ...scopes.getStore(), chain: { last: before } };
  return scopes.run(isFlowId(flow) ? { ...scope, asked: flow } : scope, fn);
}

/** Traceparent of the newest step of this chain, or empty. */
export const lastStep = (): string => scopes.getStore()?.chain?.last ?? '';

/** A reply told which step the other side emitted last. */
export function continueStepChain(traceparent: string): void {
  const chain = scopes.getStore()?.chain;
  if (chain !== undefined && traceparent !== '') chain.last = traceparent;
}

export interface StepReport<F extends FlowId> {
  readonly flow: F;
  readonly step: StepOf<F>;
  /** Authenticated identity of the sender, or of the doer of an internal step. */
  readonly from: string;
  /** Authenticated identity of the receiver, or of the doer of an internal step. */
  readonly to: string;
  readonly carried: readonly CarriedField[];
  /** Unix milliseconds; by default the step began and ended now. */
  readonly startedAt?: number;
  /** Besides the link to the step before in the chain. */
  readonly links?: readonly Link[];
  /** Instead of the current context. */
  readonly parent?: Context;
}

/** A step that is under way, and reported once it is done. */
export interface BegunStep {
  /** For what is stored with it and carried on later; empty when nothing is recorded. */
  readonly traceparent: string;
  /** @returns the traceparent */
  done(): string;
}

/** Reports one step that has been done, as {@link beginStep}. @returns its traceparent */
export const emitStep = <F extends FlowId>(report: StepReport<F>): string => beginStep(report).done();

/**
 * Begins a step as a span of its own, whose identity can be stored by the commit that the step is.
 * @throws RangeError for a step or a field that is not in the tables: a programming error
 */
export function beginStep<F extends FlowId>(report: StepReport<F>): BegunStep {
  if (flowStep(report.flow, report.step) === undefined)
    throw new RangeError(`flow ${report.flow} has no step ${report.step}`);
  if (!report.carried.every((name) => carriedNames.has(name)))
    throw new RangeError(`step ${report.step} of ${report.flow} carries a field that is not in the list`);
  reportArrival(scopes.getStore()?.arrival);
  if (!isRecording()) return { traceparent: '', done: () => '' };
  const before = linkTo(lastStep());
  const span = trace.getTracer('cpns').startSpan(
    `${report.flow} step ${report.step}`,
    {
      ...(report.startedAt === undefined ? {} : { startTime: report.startedAt }),
      links: [...(before === undefined ? [] : [before]), ...(report.links ?? [])],
      attributes: {
        [STEP_ATTRIBUTES.flow]: report.flow,
        [STEP_ATTRIBUTES.step]: report.step,
        [STEP_ATTRIBUTES.from]: report.from,
        [STEP_ATTRIBUTES.to]: report.to,
        [STEP_ATTRIBUTES.carried]: [...report.carried],
      },
    },
    report.parent ?? context.active(),
  );
  // without a recorder the API hands back the parent's identity, which is not this step's
  const traceparent = span.isRecording() ? formatTraceparent(span.spanContext()) : '';
  return {
    traceparent,
    done: () => {
      span.end();
      continueStepChain(traceparent);
      return traceparent;
    },
  };
}
