/**
 * The numbered flows of the source as data, for all that shows, counts or breaks them. A message is reported
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
const ENTITY_USER_KEY = '5.3.1.12.5';
const PULL = 'B.2.1';
const PUSH = 'B.2.2';
const GROUP_KEY = '5.3.1.12.6.1';

/** Steps 1 to 6 are the same in both flows of B.2. */
const creates = <const C extends string>(clause: C) =>
  [
    message(1, clause, 'SMF requests a Group Key from CSKMF'),
    internal(2, clause, 'CSKMF parameterizes the request by the group description and forwards it to OSG'),
    message(3, clause, 'OSG forwards the request to the KMC'),
    message(4, clause, 'KMC returns the Group Key to OSG'),
    internal(5, clause, 'OSG forwards the Group Key to CSKMF'),
    message(6, clause, 'CSKMF notifies SMF that the Group Key is ready'),
  ] as const;

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
  'EUK-REVOKE': [
    message(
      1,
      ENTITY_USER_KEY,
      'operator has the CPNS Server end the right of an entity, a gateway or a user, or let it rest',
    ),
    internal(2, ENTITY_USER_KEY, 'CPNS Server ends it in one commit, or lets it rest, and tells the PN GWs'),
    message(3, ENTITY_USER_KEY, 'CPNS Server tells SMF whose memberships end or rest'),
    message(4, ENTITY_USER_KEY, 'SMF answers once each of their groups went through GK-UPDATE-M'),
  ],
  'FLOW-PULL': [
    ...creates(PULL),
    message(7, PULL, 'SMF notifies SMF in PN GW of the group, its properties and where its key is'),
    internal(8, PULL, 'SMF in PN GW requests the Group Key from SECA, at the address in the notice'),
    message(9, PULL, 'CSKMF in PN GW requests the Group Key from CSKMF in the CPNS Server'),
    message(10, PULL, 'CSKMF in the CPNS Server returns it, wrapped for each member behind the PN GW'),
    internal(11, PULL, 'CSKMF in PN GW notifies SMF in PN GW that the Group Key is available'),
  ],
  'FLOW-PUSH': [
    ...creates(PUSH),
    message(7, PUSH, 'SMF notifies SMF in PN GW of the group, its properties, and that its key will be pushed'),
    message(8, PUSH, 'CSKMF in the CPNS Server pushes the Group Key to CSKMF in PN GW, wrapped for each member'),
  ],
  'GK-PULL': [
    internal(1, GROUP_KEY, 'SMF in PNE requests the Group Key from its CSKMF'),
    message(2, GROUP_KEY, 'PNE requests its envelope from the PN GW'),
    message(3, GROUP_KEY, 'PN GW requests it from the CPNS Server, unless it holds the envelope'),
    message(4, GROUP_KEY, 'CPNS Server returns the envelope'),
    message(5, GROUP_KEY, 'PN GW returns the envelope, the PNE checks the statement and opens it'),
  ],
  'GK-PUSH': [message(1, GROUP_KEY, 'PN GW passes a pushed envelope on, the PNE checks the statement and opens it')],
  'GK-UPDATE-M': [
    message(1, GROUP_KEY, 'SMF tells CSKMF that the membership changed'),
    internal(2, GROUP_KEY, 'CSKMF parameterizes the request by the group description and forwards it to OSG'),
    message(3, GROUP_KEY, 'OSG requests a new version from the KMC'),
    message(4, GROUP_KEY, 'KMC returns the new Group Key to OSG'),
    internal(5, GROUP_KEY, 'OSG forwards it to CSKMF, for the members from this revision on'),
    message(6, GROUP_KEY, 'CSKMF notifies SMF that the new Group Key is ready'),
    message(7, GROUP_KEY, 'SMF notifies SMF in PN GW of the members and the new version'),
    message(8, GROUP_KEY, 'where the group pushes: CSKMF in the CPNS Server pushes the new Group Key to the PN GW'),
  ],
  'GK-UPDATE-T': [
    internal(1, GROUP_KEY, 'CSKMF finds that a new Group Key is due, or an operator asked for one'),
    internal(2, GROUP_KEY, 'CSKMF parameterizes the request by the group description and forwards it to OSG'),
    message(3, GROUP_KEY, 'OSG requests a new version from the KMC'),
    message(4, GROUP_KEY, 'KMC returns the new Group Key to OSG'),
    internal(5, GROUP_KEY, 'OSG forwards it to CSKMF, for the same members'),
    message(6, GROUP_KEY, 'CSKMF alerts SMF'),
    message(7, GROUP_KEY, 'SMF notifies SMF in PN GW of the new version'),
    message(8, GROUP_KEY, 'where the group pushes: CSKMF in the CPNS Server pushes the new Group Key to the PN GW'),
  ],
  'GK-DELETE': [
    message(1, GROUP_KEY, 'SMF tells CSKMF to delete the Group Key'),
    internal(2, GROUP_KEY, 'CSKMF ends the group and forwards the request to OSG'),
    message(3, GROUP_KEY, 'OSG tells the KMC to destroy every version'),
    message(4, GROUP_KEY, 'KMC confirms to OSG'),
    internal(5, GROUP_KEY, 'OSG confirms to CSKMF, which states that the group has ended'),
    message(6, GROUP_KEY, 'CSKMF notifies SMF that the Group Key is gone'),
    message(7, GROUP_KEY, 'SMF notifies SMF in PN GW that the group was deleted'),
    message(8, GROUP_KEY, 'CSKMF in the CPNS Server sends the statement of the end to CSKMF in PN GW'),
  ],
  'SMF-GW': [
    message(1, GROUP_KEY, 'PNE asks SMF in PN GW to join a Service Group or to leave it, with its own proof for SMF'),
    message(2, GROUP_KEY, 'SMF in PN GW relays request and proof to SMF'),
    message(3, GROUP_KEY, 'SMF has the CPNS Server verify the proof'),
    message(4, GROUP_KEY, 'CPNS Server answers that the PNE made the request, and that the PN GW may relay it'),
    message(5, GROUP_KEY, 'SMF answers with the revision that holds the membership, after GK-UPDATE-M'),
    message(6, GROUP_KEY, 'SMF in PN GW passes the answer on to the PNE'),
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
