/** Which commits each flow makes: the least that a recording must find. */
import { sameCommit, type Commit, type CommitSite } from '@cpns/testing';
import type { FlowId } from '@cpns/telemetry';

export const SERVER = 'cpns-server';
export const KMC = 'kmc';
export const SMF = 'smf';
export const GATEWAY = 'pn-gw';
export const DEVICE = 'pne';

export const PN = 'pn1';
/** The gateway that assigns and relays in every flow but its own enrolment. */
export const MAIN_GATEWAY = `${PN}/gw1`;
/** Takes part in every flow of a group, and in plans under its own name: it is not killed. */
export const OTHER_GATEWAY = 'pn2/gw1';
export const GATEWAYS: readonly string[] = [MAIN_GATEWAY, OTHER_GATEWAY];

/** A row of the table. */
interface Due extends Commit {
  /** How often at least. */
  readonly times: number;
}

/** How often each kind of aggregate is committed in each step, by a procedure without step numbers in step 0. */
type Steps = Readonly<Record<number, Readonly<Record<string, number>>>>;

const at = (service: string, flow: FlowId | '', steps: Steps): Due[] =>
  Object.entries(steps).flatMap(([step, kinds]) =>
    Object.entries(kinds).map(([kind, times]) => ({ service, flow, step: Number(step), kind, times })),
  );
/** Commits of a procedure that the source gives no step numbers. */
const unnumbered = (service: string, kinds: Steps[0]): Due[] => at(service, '', { 0: kinds });

const ONE_DEVICE = { device: 1 };
/** A device asks the Server, and takes what it is answered. */
const asked = (flow: FlowId) => [
  at(DEVICE, flow, { 1: ONE_DEVICE, 5: ONE_DEVICE }),
  at(SERVER, flow, { 3: { entity: 1 } }),
];

/** A key is live: where there is something to tell, before and after, and the log of the one gateway of the network. */
const toldOfKey = (flow: FlowId) => at(SERVER, flow, { 3: { due: 2, gateway: 1 } });

/** A push is faster than its notice, as a rule: it waits, and then waits no more. */
const HELD = unnumbered(GATEWAY, { 'held-push': 2 });

/** Up to the logs of both gateways. */
const toNotices = (flow: FlowId) => [
  at(SMF, flow, { 1: { 'service-group': 1 }, 6: { 'service-group': 1 }, 7: { gateway: 2 } }),
  at(SERVER, flow, { 2: { group: 1 } }),
  // the request id is claimed, then the version is made
  at(KMC, flow, { 3: { request: 1, key: 1 } }),
];

/** The Server's relay: into the log of each gateway, and out of the outbox, still as work of the change. */
const pushes = (flow: FlowId) => at(SERVER, flow, { 8: { gateway: 2 }, 5: { group: 3 } });

/** At the gateway: each member's envelope, and the statement. */
const pushed = (flow: FlowId, member: number) => at(GATEWAY, flow, { 8: { member, group: 1 } });

/** At the gateway: each mover's groups, then who is a member, and the notice. */
const noticed = (flow: FlowId) => at(GATEWAY, flow, { 7: { member: 1, group: 2 } });

/** The recipients, and the head; then the end at the SMF. */
const DECIDED = [at(SERVER, 'GK-UPDATE-M', { 5: { group: 2 } }), at(SMF, 'GK-UPDATE-M', { 6: { 'service-group': 1 } })];

/** A member that comes or goes by itself, with a proof to its gateway and one to the SMF. */
const BY_ITSELF = [
  unnumbered(SERVER, { proof: 1 }),
  at(SERVER, 'SMF-GW', { 3: { proof: 1 } }),
  at(SMF, 'GK-UPDATE-M', { 1: { 'service-group': 1 } }),
  ...DECIDED,
  at(GATEWAY, 'GK-UPDATE-M', { 7: { group: 1 } }),
];

/**
 * By the name that a flow has in the output. In flows of a group steps 1 to 7 are the same code whatever changes, and so
 * is what outboxes and channels do around them. FLOW-PULL and FLOW-PUSH have all of it between them; GK-UPDATE-M in a push
 * group and GK-DELETE have every numbered step once more; the other changes have the commits that differ.
 */
const DUE = {
  'admission, assigner Server': [unnumbered(SERVER, { token: 1, entity: 1 })],
  'admission, assigner gateway': [
    // where there is something to tell, before and after; the admission, and then where its grant is; the grant, and the end
    // of it when it was acknowledged
    unnumbered(SERVER, { token: 1, due: 2, entity: 2, gateway: 2 }),
    unnumbered(GATEWAY, { entity: 1, delivery: 1 }),
  ],
  'gateway enrolment': [
    // the request, and the identity
    unnumbered(GATEWAY, { 'data-keys': 1, device: 2 }),
    unnumbered(SERVER, { gateway: 1 }),
    at(SERVER, 'EUK-SRV-P', { 3: { entity: 1 } }),
    at(GATEWAY, 'EUK-GW-S', { 1: { provisioning: 1 }, 3: { 'first-seed': 1, provisioning: 1 } }),
    at(SERVER, 'EUK-GW-S', { 2: { gateway: 1 } }),
    at(GATEWAY, 'EUK-GW-P', { 1: { provisioning: 1 }, 3: { provisioning: 1 } }),
    at(SERVER, 'EUK-GW-P', { 2: { gateway: 1 } }),
  ],
  'EUK-SRV-S': [...asked('EUK-SRV-S'), toldOfKey('EUK-SRV-S')],
  'EUK-SRV-P': asked('EUK-SRV-P'),
  // a device learns from the reply only who assigns: its request is one to the Server
  'EUK-GW-S': [
    at(DEVICE, 'EUK-SRV-S', { 1: ONE_DEVICE }),
    at(GATEWAY, 'EUK-GW-S', { 5: { 'first-seed': 1, entity: 1 } }),
    at(DEVICE, 'EUK-GW-S', { 6: ONE_DEVICE }),
  ],
  'EUK-GW-P': [
    at(DEVICE, 'EUK-SRV-P', { 1: ONE_DEVICE }),
    at(GATEWAY, 'EUK-GW-P', { 5: { entity: 1 } }),
    at(DEVICE, 'EUK-GW-P', { 6: ONE_DEVICE }),
  ],
  // the 1st seed counts whom it served, then the entity gets its key, and the gateway's log says so
  'EUK-GW-VERIFY, secret of a gateway': [
    ...asked('EUK-GW-VERIFY'),
    at(SERVER, 'EUK-GW-VERIFY', { 3: { gateway: 2, due: 2 } }),
    // the gateway that assigned it verifies proofs of it from then on
    at(GATEWAY, 'EUK-GW-VERIFY', { 4: { entity: 1 } }),
  ],
  'EUK-GW-VERIFY, certificate of a gateway': [...asked('EUK-GW-VERIFY'), toldOfKey('EUK-GW-VERIFY')],
  'EUK-GW-VERIFY, certificate of the Server': [...asked('EUK-GW-VERIFY'), toldOfKey('EUK-GW-VERIFY')],

  'FLOW-PULL': [
    ...toNotices('FLOW-PULL'),
    at(SERVER, 'FLOW-PULL', { 5: { group: 2 } }),
    // the outbox lets go of the change, and later of its notices; each network learns that it has the group; each gateway
    // has worked off an entry of its log, which lets go of it
    unnumbered(SMF, { 'service-group': 2, pn: 2, gateway: 2 }),
    noticed('FLOW-PULL'),
    // at the end the request is done with
    unnumbered(GATEWAY, { notices: 1, group: 1 }),
    at(GATEWAY, 'FLOW-PULL', { 10: { member: 1, group: 1 }, 11: { group: 1 } }),
  ],
  'FLOW-PUSH': [
    pushes('FLOW-PUSH'),
    at(SMF, 'FLOW-PUSH', { 6: { 'service-group': 1 } }),
    noticed('FLOW-PUSH'),
    pushed('FLOW-PUSH', 1),
    HELD,
    unnumbered(GATEWAY, { delivery: 1 }),
    unnumbered(SERVER, { gateway: 2 }),
  ],
  'GK-UPDATE-M, added in a push group': [
    ...toNotices('GK-UPDATE-M'),
    pushes('GK-UPDATE-M'),
    noticed('GK-UPDATE-M'),
    pushed('GK-UPDATE-M', 2),
  ],
  'GK-UPDATE-M, added in a pull group': [...DECIDED, noticed('GK-UPDATE-M')],
  'GK-UPDATE-M, removed': [
    at(SERVER, 'GK-UPDATE-M', { 5: { group: 3 } }),
    at(SMF, 'GK-UPDATE-M', { 6: { 'service-group': 1 } }),
    // its envelopes go, then the group goes from its groups
    at(GATEWAY, 'GK-UPDATE-M', { 7: { member: 2, group: 2 }, 8: { group: 1 } }),
  ],
  'GK-UPDATE-M, joins': BY_ITSELF,
  'GK-UPDATE-M, leaves': BY_ITSELF,
  'GK-DELETE': [
    at(SMF, 'GK-DELETE', { 1: { 'service-group': 1 }, 6: { 'service-group': 1 }, 7: { gateway: 2 } }),
    // step 5: the end, and out of the outbox
    at(SERVER, 'GK-DELETE', { 2: { group: 1 }, 5: { group: 2 }, 8: { gateway: 2 } }),
    // the key is given out no more, its versions go, it is gone
    at(KMC, 'GK-DELETE', { 3: { key: 3 } }),
    // what SMF forgets of a group that is over, besides its outbox
    unnumbered(SMF, { pn: 2, 'service-group': 1 }),
    at(GATEWAY, 'GK-DELETE', { 7: { member: 1, group: 1 }, 8: { group: 1 } }),
  ],
  'GK-UPDATE-T': [
    // the alert is in the log with the version
    at(SERVER, 'GK-UPDATE-T', { 2: { group: 1 }, 5: { 'group-key-events': 1 } }),
    at(KMC, 'GK-UPDATE-T', { 3: { request: 1, key: 1 } }),
    pushes('GK-UPDATE-T'),
    at(SMF, 'GK-UPDATE-T', { 6: { 'service-group': 1 }, 7: { gateway: 2 } }),
    // how far the alerts were worked off
    unnumbered(SMF, { 'key-events': 1 }),
    // no member comes or goes
    at(GATEWAY, 'GK-UPDATE-T', { 7: { group: 1 } }),
    pushed('GK-UPDATE-T', 1),
  ],
  // what follows in its groups is a removal
  'EUK-REVOKE': [
    // where gateways and SMF have to hear of it, before and after; the log of the one gateway of the network
    at(SERVER, 'EUK-REVOKE', { 2: { entity: 1, due: 4, gateway: 1 } }),
    // what ended, its places, and that it is out of the group
    at(SMF, 'EUK-REVOKE', { 3: { pn: 5 } }),
    at(SMF, 'GK-UPDATE-M', { 1: { 'service-group': 1 }, 6: { 'service-group': 1 } }),
    at(SERVER, 'GK-UPDATE-M', { 2: { group: 1 }, 5: { group: 3 } }),
    unnumbered(GATEWAY, { credential: 1 }),
  ],
  'GK-PULL': [
    unnumbered(SERVER, { proof: 1 }),
    at(GATEWAY, 'GK-PULL', { 4: { group: 1, member: 1 } }),
    at(DEVICE, 'GK-PULL', { 5: ONE_DEVICE }),
  ],
  'GK-PUSH': [at(DEVICE, 'GK-PUSH', { 1: ONE_DEVICE })],
} satisfies Record<string, Due[][]>;

export type FlowName = keyof typeof DUE;

export const dueOf = (name: FlowName): readonly Due[] => DUE[name].flat();

/** The rows that a recording does not have, in words. */
export const lacking = (due: readonly Due[], recorded: readonly CommitSite[]): string[] =>
  due
    .filter((row) => recorded.filter((site) => sameCommit(site, row)).length < row.times)
    .map(({ service, flow, step, kind }) => `${service} ${flow} ${step} ${kind}`);

/** A race decides about the commit, and a run may pass without: where the notice was faster, no push waited for it. */
export const isRacy = (commit: Commit): boolean => HELD.some((row) => sameCommit(row, commit));

/** A commit that the table does not name: a run comes by there or not, as acknowledgements and sweeps happen to fall. */
export const isChance = (name: FlowName, site: CommitSite): boolean =>
  !dueOf(name).some((row) => sameCommit(row, site) && site.occurrence <= row.times);
