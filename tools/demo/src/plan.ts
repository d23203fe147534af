/**
 * What the demo shows, as data: two Personal Networks, in each an intermediate PN GW with PNEs and target PN GWs, so that
 * every flow runs for both kinds of target entity and a pre-shared key is imported (Q2).
 */
import { formatEntityUri, serviceUri, type EntityType } from '@cpns/identity';
import type { KeyForm } from '@cpns/key-derivation';
import { FLOWS, type FlowId } from '@cpns/telemetry';

export const TRUST_DOMAIN = 'demo.example';

export interface PlannedGateway {
  readonly pn: string;
  readonly id: string;
}

export const GATEWAYS: readonly PlannedGateway[] = [
  { pn: 'pn1', id: 'gw1' },
  { pn: 'pn2', id: 'gw2' },
];

/** How a device comes to its key. */
export type Assignment =
  { readonly by: 'server' | 'gateway'; readonly form: KeyForm } | { readonly by: 'import'; readonly form: 'secret' };

export interface PlannedDevice {
  readonly pn: string;
  /** `pn-gw`: a target PN GW. */
  readonly type: EntityType;
  /** Of this demo's entities no two have the same. */
  readonly id: string;
  readonly user: string;
  readonly assignment: Assignment;
}

const device = (pn: string, type: EntityType, id: string, user: string, assignment: Assignment): PlannedDevice => ({
  pn,
  type,
  id,
  user,
  assignment,
});

export const DEVICES: readonly PlannedDevice[] = [
  device('pn1', 'pne', 'phone-1', 'alice', { by: 'server', form: 'secret' }),
  device('pn1', 'pne', 'camera-1', '', { by: 'gateway', form: 'key-pair' }),
  device('pn1', 'pn-gw', 'car-1', 'alice', { by: 'server', form: 'key-pair' }),
  device('pn1', 'pn-gw', 'hub-1', '', { by: 'gateway', form: 'secret' }),
  device('pn2', 'pne', 'phone-2', 'bob', { by: 'server', form: 'key-pair' }),
  device('pn2', 'pne', 'watch-2', 'bob', { by: 'gateway', form: 'secret' }),
  device('pn2', 'pn-gw', 'car-2', '', { by: 'server', form: 'secret' }),
  device('pn2', 'pn-gw', 'hub-2', '', { by: 'gateway', form: 'key-pair' }),
  device('pn2', 'pne', 'sensor-2', '', { by: 'import', form: 'secret' }),
];

export const SERVER_URI = serviceUri(TRUST_DOMAIN, 'cpns-server');

export const gatewayUri = ({ pn, id }: PlannedGateway): string =>
  formatEntityUri({ pnId: pn, trustDomain: TRUST_DOMAIN, entityType: 'pn-gw', entityId: id });

export const deviceUri = ({ pn, type, id }: PlannedDevice): string =>
  formatEntityUri({ pnId: pn, trustDomain: TRUST_DOMAIN, entityType: type, entityId: id });

/** The intermediate PN GW of a Personal Network. */
export function gatewayOf(pn: string): PlannedGateway {
  const found = GATEWAYS.find((gateway) => gateway.pn === pn);
  if (found === undefined) throw new RangeError(`the plan has no gateway in ${pn}`);
  return found;
}

export type EntityKind = 'PNE' | 'target PN GW' | 'PN GW';

/** One run of a flow, or of the part of a flow that is due for an entity. */
export interface DueRun {
  readonly flow: FlowId;
  /** Step numbers in their order. */
  readonly steps: readonly number[];
  readonly kind: EntityKind;
  /** E of the entity that it is run for: a target entity, or the gateway that is provisioned. */
  readonly entity: string;
  readonly id: string;
  /** E of the intermediate PN GW. */
  readonly gateway: string;
}

const GATEWAY_FLOWS = ['EUK-GW-S', 'EUK-GW-P'] as const;
/** Steps 1 to 3 of B.1.2 run once per gateway and epoch, 4 to 6 per target entity. */
export const LAST_PROVISIONING_STEP = 3;

export const isProvisioning = (flow: FlowId, step: number): boolean =>
  (GATEWAY_FLOWS as readonly FlowId[]).includes(flow) && step <= LAST_PROVISIONING_STEP;

const stepsOf = (flow: FlowId, provisioning: boolean): number[] =>
  FLOWS[flow].map(({ step }) => step).filter((step) => isProvisioning(flow, step) === provisioning);

function flowsOf({ by, form }: Assignment): FlowId[] {
  const letter = form === 'secret' ? 'S' : 'P';
  if (by === 'import') return [];
  if (by === 'gateway') return [`EUK-GW-${letter}`, 'EUK-GW-VERIFY'];
  // a secret that the Server made needs no first contact: the Server knows it
  return form === 'secret' ? ['EUK-SRV-S'] : ['EUK-SRV-P', 'EUK-GW-VERIFY'];
}

/** Every run that the plan leads to. */
export function dueRuns(): DueRun[] {
  const provisioning = GATEWAYS.flatMap((gateway) =>
    GATEWAY_FLOWS.map((flow): DueRun => {
      const uri = gatewayUri(gateway);
      return { flow, steps: stepsOf(flow, true), kind: 'PN GW', entity: uri, id: gateway.id, gateway: uri };
    }),
  );
  const perDevice = DEVICES.flatMap((planned) =>
    flowsOf(planned.assignment).map((flow): DueRun => ({
      flow,
      steps: stepsOf(flow, false),
      kind: planned.type === 'pne' ? 'PNE' : 'target PN GW',
      entity: deviceUri(planned),
      id: planned.id,
      gateway: gatewayUri(gatewayOf(planned.pn)),
    })),
  );
  return [...provisioning, ...perDevice];
}
