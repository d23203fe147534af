/**
 * What the demo shows, as data: two Personal Networks, in each an intermediate PN GW with PNEs and target PN GWs, so that
 * every flow of B.1 runs for both kinds of target entity and a pre-shared key is imported (Q2); and two Service Groups over
 * both of them, one that pulls its keys and one to which they are pushed, with members of every kind of key.
 */
import { formatEntityUri, operatorUri, serviceUri, type EntityType } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';
import type { DeliveryMode } from '@cpns/group-key';

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

export interface PlannedGroup {
  readonly id: string;
  readonly delivery: DeliveryMode;
  /** Its first members; the first of them seals. */
  readonly members: readonly PlannedDevice[];
  /** One of them, who ceases to be one. */
  readonly leaver: PlannedDevice;
  /** Who becomes a member afterwards. */
  readonly joiner: PlannedDevice;
  /** Another of them, whose key is revoked in the end; it is in no other group. */
  readonly putOut: PlannedDevice;
}

export interface Plan {
  readonly devices: readonly PlannedDevice[];
  readonly groups: readonly PlannedGroup[];
}

/** The services of the Server side, and the operator who calls them. */
export const SERVICES = {
  server: serviceUri(TRUST_DOMAIN, 'cpns-server'),
  smf: serviceUri(TRUST_DOMAIN, 'smf'),
  kmc: serviceUri(TRUST_DOMAIN, 'kmc'),
  operator: operatorUri(TRUST_DOMAIN, 'admin'),
} as const;

/** @param suffix of every id, where the deployment outlives the demo and has those of earlier ones */
export function makePlan(suffix = ''): Plan {
  const device = (pn: string, type: EntityType, id: string, user: string, assignment: Assignment): PlannedDevice => ({
    pn,
    type,
    id: `${id}${suffix}`,
    user,
    assignment,
  });
  const phone1 = device('pn1', 'pne', 'phone-1', 'alice', { by: 'server', form: 'secret' });
  const camera1 = device('pn1', 'pne', 'camera-1', '', { by: 'gateway', form: 'key-pair' });
  const car1 = device('pn1', 'pn-gw', 'car-1', 'alice', { by: 'server', form: 'key-pair' });
  const hub1 = device('pn1', 'pn-gw', 'hub-1', '', { by: 'gateway', form: 'secret' });
  const phone2 = device('pn2', 'pne', 'phone-2', 'bob', { by: 'server', form: 'key-pair' });
  const watch2 = device('pn2', 'pne', 'watch-2', 'bob', { by: 'gateway', form: 'secret' });
  const car2 = device('pn2', 'pn-gw', 'car-2', '', { by: 'server', form: 'secret' });
  const hub2 = device('pn2', 'pn-gw', 'hub-2', '', { by: 'gateway', form: 'key-pair' });
  const sensor2 = device('pn2', 'pne', 'sensor-2', '', { by: 'import', form: 'secret' });
  return {
    devices: [phone1, camera1, car1, hub1, phone2, watch2, car2, hub2, sensor2],
    groups: [
      {
        id: `family${suffix}`,
        delivery: 'pull',
        members: [camera1, phone1, phone2, watch2, hub2],
        leaver: watch2,
        joiner: hub1,
        putOut: phone1,
      },
      {
        id: `alarm${suffix}`,
        delivery: 'push',
        members: [phone2, camera1, car1, hub1, car2],
        leaver: camera1,
        joiner: sensor2,
        putOut: car2,
      },
    ],
  };
}

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
