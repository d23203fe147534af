/**
 * A flow does not run as one piece. Steps 1 to 3 of B.1.2 run once per gateway, the others per target entity; those of B.2
 * run once per Service Group up to the Server's word that the key is ready, and then once per gateway that has members; a
 * push inside a PN goes to each member. In one trace the same step may come several times, each time in another part.
 */
import type { FlowId } from '@cpns/telemetry';
import type { CollectedStep } from '@cpns/testing';
import type { Before } from './flow-part';
import { partiesOf } from './parties';
import type { DueRun } from './due-run';

const GATEWAY_FLOWS: readonly FlowId[] = ['EUK-GW-S', 'EUK-GW-P'];
/** Steps 1 to 3 of B.1.2 run once per gateway and epoch, 4 to 6 per target entity. */
const LAST_PROVISIONING_STEP = 3;

const GROUP_FLOWS: readonly FlowId[] = ['FLOW-PULL', 'FLOW-PUSH', 'GK-UPDATE-M', 'GK-UPDATE-T', 'GK-DELETE'];
/** CSKMF tells SMF that it is done; what comes then, comes for each gateway. */
const LAST_GROUP_STEP = 6;
/** The push from CSKMF in the CPNS Server to CSKMF in PN GW, in each flow that has one. */
const PUSH_STEP = 8;

export const isProvisioning = (flow: FlowId, step: number): boolean =>
  GATEWAY_FLOWS.includes(flow) && step <= LAST_PROVISIONING_STEP;

export const isForGroup = (flow: FlowId, step: number): boolean =>
  GROUP_FLOWS.includes(flow) && step <= LAST_GROUP_STEP;

/** None of these steps names whom it is for: the demo does one at a time. */
export const isNamedByScene = (flow: FlowId, step: number): boolean => isForGroup(flow, step) || flow === 'EUK-REVOKE';

export const isForGateway = (flow: FlowId, step: number): boolean =>
  GROUP_FLOWS.includes(flow) && step > LAST_GROUP_STEP;

/** The part of its flow that a step belongs to: for the group, or for E of a gateway or a member. */
export function partOf({ flow, step, from, to }: Pick<CollectedStep, 'flow' | 'step' | 'from' | 'to'>): string {
  if (isProvisioning(flow, step)) return 'provisioning';
  if (isForGroup(flow, step)) return 'group';
  if (flow === 'GK-PUSH') return to;
  if (!isForGateway(flow, step)) return '';
  return partiesOf(flow, step)[0] === 'gateway' ? from : to;
}

/** Steps with the same key are of one part. */
export const partKey = (flow: FlowId, part: string, traceId: string): string => `${flow} ${part} ${traceId}`;

/** Where a part goes on after others in its trace: the steps, one of which comes before its first. */
export function beforeOf({ flow, steps: [first = 1], gateway }: DueRun, traceId: string): Before[] {
  if (isForGateway(flow, first)) return [{ part: partKey(flow, 'group', traceId), flow, step: LAST_GROUP_STEP }];
  if (flow !== 'GK-PUSH') return [];
  return GROUP_FLOWS.map((cause) => ({ part: partKey(cause, gateway, traceId), flow: cause, step: PUSH_STEP }));
}
