import type { FlowId, StepOf } from '@cpns/telemetry';

/** Who takes part in a step, as the figures of B.1 and B.2 have it; `gateway` is the intermediate PN GW. */
export type Party = 'entity' | 'gateway' | 'server' | 'smf' | 'kmc' | 'operator';

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

/** How a Group Key comes about, changes and ends: CSKMF and its OSG are in the CPNS Server. Then each gateway gets its notice. */
const BY_SMF = {
  1: ['smf', 'server'],
  2: ['server', 'server'],
  3: ['server', 'kmc'],
  4: ['kmc', 'server'],
  5: ['server', 'server'],
  6: ['server', 'smf'],
  7: ['smf', 'gateway'],
} as const;

const BY_SMF_WITH_PUSH = { ...BY_SMF, 8: ['server', 'gateway'] } as const;

const PARTIES: { readonly [F in FlowId]: Parties<F> } = {
  'EUK-SRV-S': THROUGH_GATEWAY,
  'EUK-SRV-P': THROUGH_GATEWAY,
  'EUK-GW-S': BY_GATEWAY,
  'EUK-GW-P': BY_GATEWAY,
  'EUK-GW-VERIFY': THROUGH_GATEWAY,
  'FLOW-PULL': {
    ...BY_SMF,
    8: ['gateway', 'gateway'],
    9: ['gateway', 'server'],
    10: ['server', 'gateway'],
    11: ['gateway', 'gateway'],
  },
  'FLOW-PUSH': BY_SMF_WITH_PUSH,
  'GK-PULL': {
    1: ['entity', 'entity'],
    2: ['entity', 'gateway'],
    3: ['gateway', 'server'],
    4: ['server', 'gateway'],
    5: ['gateway', 'entity'],
  },
  'GK-PUSH': { 1: ['gateway', 'entity'] },
  'GK-UPDATE-M': BY_SMF_WITH_PUSH,
  // CSKMF finds by itself that it is due, or an operator asks
  'GK-UPDATE-T': { ...BY_SMF_WITH_PUSH, 1: ['server', 'server'] },
  'GK-DELETE': BY_SMF_WITH_PUSH,
  'EUK-REVOKE': {
    1: ['operator', 'server'],
    2: ['server', 'server'],
    3: ['server', 'smf'],
    4: ['smf', 'server'],
  },
  'SMF-GW': {
    1: ['entity', 'gateway'],
    2: ['gateway', 'smf'],
    3: ['smf', 'server'],
    4: ['server', 'smf'],
    5: ['smf', 'gateway'],
    6: ['gateway', 'entity'],
  },
};

/** @throws RangeError for a step that the flow does not have */
export function partiesOf(flow: FlowId, step: number): readonly [from: Party, to: Party] {
  const rows: Readonly<Record<number, readonly [Party, Party]>> = PARTIES[flow];
  const found = rows[step];
  if (found === undefined) throw new RangeError(`flow ${flow} has no step ${step}`);
  return found;
}
