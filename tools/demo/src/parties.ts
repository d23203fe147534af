import type { FlowId, StepOf } from '@cpns/telemetry';

/** Who takes part in a step, as the figures of B.1.1 and B.1.2 have it. */
export type Party = 'entity' | 'gateway' | 'server';

type Parties<F extends FlowId> = Readonly<Record<StepOf<F>, readonly [from: Party, to: Party]>>;

const THROUGH_GATEWAY = {
  1: ['entity', 'gateway'],
  2: ['gateway', 'server'],
  3: ['server', 'server'],
  4: ['server', 'gateway'],
  5: ['gateway', 'entity'],
} as const;

const BY_GATEWAY = {
  1: ['gateway', 'server'],
  2: ['server', 'server'],
  3: ['server', 'gateway'],
  4: ['entity', 'gateway'],
  5: ['gateway', 'gateway'],
  6: ['gateway', 'entity'],
} as const;

const PARTIES: { readonly [F in FlowId]: Parties<F> } = {
  'EUK-SRV-S': THROUGH_GATEWAY,
  'EUK-SRV-P': THROUGH_GATEWAY,
  'EUK-GW-S': BY_GATEWAY,
  'EUK-GW-P': BY_GATEWAY,
  'EUK-GW-VERIFY': THROUGH_GATEWAY,
};

/** @throws RangeError for a step that the flow does not have */
export function partiesOf(flow: FlowId, step: number): readonly [from: Party, to: Party] {
  const rows: Readonly<Record<number, readonly [Party, Party]>> = PARTIES[flow];
  const found = rows[step];
  if (found === undefined) throw new RangeError(`flow ${flow} has no step ${step}`);
  return found;
}
