/** The steps of a PNE in GK-PULL and GK-PUSH. */
import type { CheckedGroupKeyDelivery } from '@cpns/contracts';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import type { ReceivingStep } from './group';
import type { GroupMember } from './member';

/** GK-PULL step 1: the SMF in this PNE asks its CSKMF, which asks the gateway. */
export function askingForGroupKey<T>({ entity }: GroupMember, ask: () => Promise<T>): Promise<T> {
  const step = { flow: 'GK-PULL', step: 1 } as const;
  emitStep({ ...step, from: entity, to: entity, carried: ['group_id', 'version'] });
  return withinStep(step, ask);
}

/** GK-PULL step 5 or GK-PUSH step 1, once the statement was checked and the envelope opened. */
export function accepted(
  { entity, gateway }: GroupMember,
  step: ReceivingStep,
  { own }: CheckedGroupKeyDelivery,
  startedAt: number,
): void {
  const carried: readonly CarriedField[] = own === undefined ? ['statement'] : ['statement', 'envelope'];
  emitStep({ ...step, from: gateway, to: entity, carried, startedAt });
}
