import { flowStep, isFlowId, STEP_ATTRIBUTES, type FlowId } from '@cpns/telemetry';
import type { CollectedSpan } from './otlp';

/** One numbered step of a flow of the source, as the process that did it reported it. */
export interface CollectedStep {
  readonly flow: FlowId;
  readonly step: number;
  readonly from: string;
  readonly to: string;
  /** Names of fields. */
  readonly carried: readonly string[];
  readonly span: CollectedSpan;
}

/**
 * The step that a span reports, or undefined for a span of another kind.
 * @throws RangeError for a span that claims to be a step and is none of the table
 */
export function stepOfSpan(span: CollectedSpan): CollectedStep | undefined {
  const { attributes, name, service } = span;
  const [flow, step, from, to, carried] = (['flow', 'step', 'from', 'to', 'carried'] as const).map(
    (key) => attributes[STEP_ATTRIBUTES[key]],
  );
  if (flow === undefined && step === undefined) return undefined;
  if (typeof flow !== 'string' || !isFlowId(flow) || typeof step !== 'number' || flowStep(flow, step) === undefined)
    throw new RangeError(`span ${name} of ${service} reports a step that no flow has`);
  if (typeof from !== 'string' || typeof to !== 'string' || !Array.isArray(carried))
    throw new RangeError(`span ${name} of ${service} lacks from, to or what was carried`);
  return { flow, step, from, to, carried: carried.map(String), span };
}
