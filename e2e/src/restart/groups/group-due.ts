/**
 * The commits that each flow of a group has its kills at. Steps 1 to 7 are the same code whatever changes, and so is what
 * outboxes and channels do around them. FLOW-PULL and FLOW-PUSH have all of it between them; GK-UPDATE-M in a push group
 * and GK-DELETE have every numbered step once more; the other changes have the commits that differ.
 */
import { sameCommit, type Commit, type CommitSite } from '@cpns/testing';
import type { FlowId } from '@cpns/telemetry';
import { at, DEVICE, GATEWAY, KMC, SERVER, SMF, unnumbered, type Due } from '../due';

type ChangeFlow = Extract<FlowId, 'FLOW-PULL' | 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE'>;

const times = (count: number) => ({ times: count });

/** A gateway has worked off an entry of its log, and the log lets go of it; that of the other gateway besides. */
const NOTICE_DONE = [unnumbered(GATEWAY, 'notices'), unnumbered(SMF, 'gateway', 2)];
const DELIVERY_DONE = [unnumbered(GATEWAY, 'delivery'), unnumbered(SERVER, 'gateway', 2)];
/** A push is faster than its notice, as a rule: it waits, and then waits no more. */
const HELD = unnumbered(GATEWAY, 'held-push', 2);

/** Up to the logs of both gateways. */
const toNotices = (flow: Exclude<ChangeFlow, 'GK-DELETE'>): Due[] => [
  at(SMF, flow, 1, 'service-group'),
  at(SERVER, flow, 2, 'group'),
  // the request id is claimed, then the version is made
  at(KMC, flow, 3, 'request'),
  at(KMC, flow, 3, 'key'),
  // the recipients, and the head
  at(SERVER, flow, 5, 'group', times(2)),
  at(SMF, flow, 6, 'service-group'),
  at(SMF, flow, 7, 'gateway', times(2)),
];

/** The Server's relay: into the log of each gateway, and out of the outbox, still as work of the change. */
const pushes = (flow: 'FLOW-PUSH' | 'GK-UPDATE-M'): Due[] => [
  at(SERVER, flow, 8, 'gateway', times(2)),
  at(SERVER, flow, 5, 'group', times(3)),
];

/** At the gateway: each member's envelope, and the statement. */
const pushed = (flow: 'FLOW-PUSH' | 'GK-UPDATE-M', members: number): Due[] => [
  at(GATEWAY, flow, 8, 'member', times(members)),
  at(GATEWAY, flow, 8, 'group'),
];

/** At the gateway: each mover's groups, then who is a member, and the notice. */
const noticed = (flow: ChangeFlow): Due[] => [at(GATEWAY, flow, 7, 'member'), at(GATEWAY, flow, 7, 'group', times(2))];

const PROOF = unnumbered(SERVER, 'proof');

/** A member that comes or goes by itself. */
const BY_ITSELF = [
  PROOF,
  at(SMF, 'GK-UPDATE-M', 1, 'service-group'),
  at(SERVER, 'GK-UPDATE-M', 5, 'group', times(2)),
  at(SMF, 'GK-UPDATE-M', 6, 'service-group'),
  at(GATEWAY, 'GK-UPDATE-M', 7, 'group'),
];

export const GROUP_DUE = {
  'FLOW-PULL': [
    ...toNotices('FLOW-PULL'),
    // the outbox lets go of the change, and later of its notices
    unnumbered(SMF, 'service-group', 2),
    // each network learns that it has the group
    unnumbered(SMF, 'pn', 2),
    ...noticed('FLOW-PULL'),
    ...NOTICE_DONE,
    at(GATEWAY, 'FLOW-PULL', 10, 'member'),
    at(GATEWAY, 'FLOW-PULL', 10, 'group'),
    at(GATEWAY, 'FLOW-PULL', 11, 'group'),
    // the request is done with
    unnumbered(GATEWAY, 'group'),
  ],
  'FLOW-PUSH': [
    ...pushes('FLOW-PUSH'),
    at(SMF, 'FLOW-PUSH', 6, 'service-group'),
    ...noticed('FLOW-PUSH'),
    ...pushed('FLOW-PUSH', 1),
    HELD,
    ...DELIVERY_DONE,
  ],
  'GK-UPDATE-M, added in a push group': [
    ...toNotices('GK-UPDATE-M').filter(({ step }) => step !== 5),
    ...pushes('GK-UPDATE-M'),
    ...noticed('GK-UPDATE-M'),
    ...pushed('GK-UPDATE-M', 2),
  ],
  'GK-UPDATE-M, added in a pull group': [
    at(SERVER, 'GK-UPDATE-M', 5, 'group', times(2)),
    at(SMF, 'GK-UPDATE-M', 6, 'service-group'),
    ...noticed('GK-UPDATE-M'),
  ],
  'GK-UPDATE-M, removed': [
    at(SERVER, 'GK-UPDATE-M', 5, 'group', times(3)),
    at(SMF, 'GK-UPDATE-M', 6, 'service-group'),
    // its envelopes go, then the group goes from its groups
    at(GATEWAY, 'GK-UPDATE-M', 7, 'member', times(2)),
    at(GATEWAY, 'GK-UPDATE-M', 7, 'group', times(2)),
    at(GATEWAY, 'GK-UPDATE-M', 8, 'group'),
  ],
  'GK-UPDATE-M, joins': BY_ITSELF,
  'GK-UPDATE-M, leaves': BY_ITSELF,
  'GK-DELETE': [
    at(SMF, 'GK-DELETE', 1, 'service-group'),
    at(SERVER, 'GK-DELETE', 2, 'group'),
    // nothing of the key is given out any more, its versions go, it is gone
    at(KMC, 'GK-DELETE', 3, 'key', times(3)),
    // the end, and out of the outbox
    at(SERVER, 'GK-DELETE', 5, 'group', times(2)),
    at(SERVER, 'GK-DELETE', 8, 'gateway', times(2)),
    at(SMF, 'GK-DELETE', 6, 'service-group'),
    at(SMF, 'GK-DELETE', 7, 'gateway', times(2)),
    // what SMF forgets of a group that is over, besides its outbox
    unnumbered(SMF, 'pn', 2),
    unnumbered(SMF, 'service-group', 5),
    at(GATEWAY, 'GK-DELETE', 7, 'member'),
    at(GATEWAY, 'GK-DELETE', 7, 'group'),
    at(GATEWAY, 'GK-DELETE', 8, 'group'),
  ],
  'GK-PULL': [
    PROOF,
    at(GATEWAY, 'GK-PULL', 4, 'group'),
    at(GATEWAY, 'GK-PULL', 4, 'member'),
    at(DEVICE, 'GK-PULL', 5, 'device'),
  ],
  'GK-PUSH': [at(DEVICE, 'GK-PUSH', 1, 'device')],
} as const satisfies Record<string, readonly Due[]>;

/** Those that the table of the flow does not have, or not so often. */
export const isOfAnother =
  (due: readonly Due[]) =>
  (site: CommitSite): boolean =>
    !due.some((row) => sameCommit(row, site) && site.occurrence <= (row.times ?? 1));

/** Where the notice was faster, no push waited for it. */
export const isRacy = (commit: Commit): boolean => sameCommit(commit, HELD);
