/**
 * The numbered flows of the source as data: whoever shows, counts or breaks them reads this table. A message is reported
 * by its receiver once accepted, an internal step by its doer. A target PN GW goes through the same flows as a PNE; which
 * of the two it was is seen in the identities.
 */
export type StepKind = 'message' | 'internal';

export interface FlowStep {
  readonly step: number;
  readonly kind: StepKind;
  /** Who acts and on what, for a reader who has the clause before him. */
  readonly description: string;
  /** Where in the source the step stands. */
  readonly clause: string;
}

const message = <N extends number>(step: N, clause: string, description: string) =>
  ({ step, kind: 'message', clause, description }) as const;
const internal = <N extends number>(step: N, clause: string, description: string) =>
  ({ step, kind: 'internal', clause, description }) as const;

const SRV = 'B.1.1';
const GW = 'B.1.2';
const VERIFY = '5.3.1.12.5.4';

export const FLOWS = {
  'EUK-SRV-S': [
    message(1, SRV, 'target entity asks the intermediate PN GW for a shared secret'),
    message(2, SRV, 'intermediate PN GW forwards the request to the CPNS Server'),
    internal(3, SRV, 'CPNS Server creates the Entity-User Key'),
    message(4, SRV, 'CPNS Server replies to the intermediate PN GW, sealed for the target entity'),
    message(5, SRV, 'intermediate PN GW forwards the reply, the target entity opens it'),
  ],
  'EUK-SRV-P': [
    message(1, SRV, 'target entity sends the public key that it made to the intermediate PN GW'),
    message(2, SRV, 'intermediate PN GW forwards the request to the CPNS Server'),
    internal(3, SRV, 'CPNS Server issues the certificate'),
    message(4, SRV, 'CPNS Server replies to the intermediate PN GW with the certificate'),
    message(5, SRV, 'intermediate PN GW forwards the reply, the target entity checks it'),
  ],
  'EUK-GW-S': [
    message(1, GW, 'intermediate PN GW asks the CPNS Server for what it needs to assign secrets'),
    internal(2, GW, 'CPNS Server creates a 1st seed'),
    message(3, GW, 'CPNS Server replies with the 1st seed'),
    message(4, GW, 'target entity asks the intermediate PN GW for a shared secret'),
    internal(5, GW, 'intermediate PN GW derives the 2nd seed and the Entity-User Key from the 1st seed'),
    message(6, GW, 'intermediate PN GW replies with both, sealed for the target entity'),
  ],
  'EUK-GW-P': [
    message(1, GW, 'intermediate PN GW sends the public key that it will sign with to the CPNS Server'),
    internal(2, GW, 'CPNS Server issues the gateway CA certificate'),
    message(3, GW, 'CPNS Server replies with the gateway CA certificate'),
    message(4, GW, 'target entity sends the public key that it made to the intermediate PN GW'),
    internal(5, GW, 'intermediate PN GW issues the certificate under its own'),
    message(6, GW, 'intermediate PN GW replies with the certificate'),
  ],
  'EUK-GW-VERIFY': [
    message(1, VERIFY, 'target entity sends its registration to the intermediate PN GW'),
    message(2, VERIFY, 'intermediate PN GW relays the registration to the CPNS Server'),
    internal(3, VERIFY, 'CPNS Server derives the key from both seeds, or verifies the certificate'),
    message(4, VERIFY, 'CPNS Server confirms to the intermediate PN GW'),
    message(5, VERIFY, 'intermediate PN GW relays the confirmation, the target entity checks it'),
  ],
} as const satisfies Record<string, readonly FlowStep[]>;

export type FlowId = keyof typeof FLOWS;
/** The step numbers of a flow; of a union of flows, those of any of them. */
export type StepOf<F extends FlowId> = (typeof FLOWS)[F][number]['step'];

export const FLOW_IDS = Object.keys(FLOWS) as readonly FlowId[];
export const isFlowId = (value: string): value is FlowId => Object.hasOwn(FLOWS, value);

/** One step's row, or undefined where the flow has no such step. */
export const flowStep = (flow: FlowId, step: number): FlowStep | undefined =>
  FLOWS[flow].find((row) => row.step === step);
