/** FLOW-PULL, FLOW-PUSH, GK-UPDATE-M and GK-DELETE come to the KMC in their step 3, each by its own RPC. */
import { askedFlow, emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import type { KmcContext } from './context';

const STEP = 3;

export interface Step {
  /** The flows that have this RPC as their step 3: in any other one, or in none, the call is no step. */
  readonly flows: readonly ('FLOW-PULL' | 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE')[];
  readonly carried: readonly CarriedField[];
}

/**
 * Does what a call asks for as work of the step that it is, and reports the step once that was accepted.
 * @param from URI of the caller
 */
export async function asStep<T>(
  { uri, clock }: KmcContext,
  { flows, carried }: Step,
  from: string,
  work: () => Promise<T>,
): Promise<T> {
  const asked = askedFlow();
  const flow = flows.find((one) => one === asked);
  if (flow === undefined) return work();
  const startedAt = clock.now();
  const result = await withinStep({ flow, step: STEP }, work);
  emitStep({ flow, step: STEP, from, to: uri, carried, startedAt });
  return result;
}
