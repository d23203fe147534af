/** Which commits each flow makes: the least that a recording must find, and how a site is called in the flow's own words. */
import { FAULT_POINTS, sameCommit, type Commit, type CommitSite } from '@cpns/testing';
import type { FlowId } from '@cpns/telemetry';

export const SERVER = 'cpns-server';
export const KMC = 'kmc';
export const SMF = 'smf';
export const GATEWAY = 'pn-gw';
export const DEVICE = 'pne';

/** A row of the table. */
export interface Due extends Commit {
  /** How often at least; once unless said. */
  readonly times?: number;
  /** Where the code's word for it is not the flow's: a device learns from the reply only who assigns. */
  readonly shown?: readonly [flow: string, step: number];
}

export const at = (service: string, flow: FlowId | '', step: number, kind: string, more: Partial<Due> = {}): Due => ({
  service,
  flow,
  step,
  kind,
  ...more,
});

/** A commit of a procedure that the source gives no step numbers. */
export const unnumbered = (service: string, kind: string, times = 1): Due => at(service, '', 0, kind, { times });

const device = (flow: FlowId, step: number, more: Partial<Due> = {}): Due => at(DEVICE, flow, step, 'device', more);

const VERIFIED = [device('EUK-GW-VERIFY', 1), at(SERVER, 'EUK-GW-VERIFY', 3, 'entity'), device('EUK-GW-VERIFY', 5)];

/** By the name that a flow has in the output. */
export const DUE = {
  'admission, assigner Server': [unnumbered(SERVER, 'token'), unnumbered(SERVER, 'entity')],
  'admission, assigner gateway': [
    unnumbered(SERVER, 'token'),
    // the admission, and then where its grant is
    unnumbered(SERVER, 'entity', 2),
    // the grant, and the end of it when it was acknowledged
    unnumbered(SERVER, 'gateway', 2),
    unnumbered(GATEWAY, 'entity'),
    unnumbered(GATEWAY, 'delivery'),
  ],
  'gateway enrolment': [
    unnumbered(GATEWAY, 'data-keys'),
    // the request, and the identity
    unnumbered(GATEWAY, 'device', 2),
    at(SERVER, 'EUK-SRV-P', 3, 'entity', { shown: ['gateway enrolment', 0] }),
    unnumbered(SERVER, 'gateway'),
    at(GATEWAY, 'EUK-GW-S', 1, 'provisioning'),
    at(SERVER, 'EUK-GW-S', 2, 'gateway'),
    at(GATEWAY, 'EUK-GW-S', 3, 'first-seed'),
    at(GATEWAY, 'EUK-GW-S', 3, 'provisioning'),
    at(GATEWAY, 'EUK-GW-P', 1, 'provisioning'),
    at(SERVER, 'EUK-GW-P', 2, 'gateway'),
    at(GATEWAY, 'EUK-GW-P', 3, 'provisioning'),
  ],
  'EUK-SRV-S': [device('EUK-SRV-S', 1), at(SERVER, 'EUK-SRV-S', 3, 'entity'), device('EUK-SRV-S', 5)],
  'EUK-SRV-P': [device('EUK-SRV-P', 1), at(SERVER, 'EUK-SRV-P', 3, 'entity'), device('EUK-SRV-P', 5)],
  'EUK-GW-S': [
    device('EUK-SRV-S', 1, { shown: ['EUK-GW-S', 4] }),
    at(GATEWAY, 'EUK-GW-S', 5, 'first-seed'),
    at(GATEWAY, 'EUK-GW-S', 5, 'entity'),
    device('EUK-GW-S', 6),
  ],
  'EUK-GW-P': [
    device('EUK-SRV-P', 1, { shown: ['EUK-GW-P', 4] }),
    at(GATEWAY, 'EUK-GW-P', 5, 'entity'),
    device('EUK-GW-P', 6),
  ],
  'EUK-GW-VERIFY, secret of a gateway': [
    device('EUK-GW-VERIFY', 1),
    // the 1st seed counts whom it served, then the entity gets its key
    at(SERVER, 'EUK-GW-VERIFY', 3, 'gateway'),
    at(SERVER, 'EUK-GW-VERIFY', 3, 'entity'),
    device('EUK-GW-VERIFY', 5),
  ],
  'EUK-GW-VERIFY, certificate of a gateway': VERIFIED,
  'EUK-GW-VERIFY, certificate of the Server': VERIFIED,
} as const satisfies Record<string, readonly Due[]>;

export type FlowName = keyof typeof DUE;

/** The rows that a recording does not have, in words. */
export const lacking = (due: readonly Due[], recorded: readonly CommitSite[]): string[] =>
  due
    .filter((row) => recorded.filter((site) => sameCommit(site, row)).length < (row.times ?? 1))
    .map(({ service, flow: name, step, kind }) => `${service} ${name} ${step} ${kind}`);

/** How many kills the rows come to at least: one at each point of each commit. */
export const leastKills = (due: readonly Due[]): number =>
  due.reduce((sum, { times = 1 }) => sum + times * FAULT_POINTS.length, 0);
