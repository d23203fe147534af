/** Deliveries of a Group Key that a device takes in, and the same wrong in one place (GK-PULL step 5, GK-PUSH step 1). */
import type { GroupKeyDelivery } from '@cpns/contracts';
import { endStatement } from '@cpns/group-key';
import { row, type Row } from '../../row';
import { alteredRow, NOTHING, pushed, refused, type Altered } from './delivery-stage';
import { deliveryOf, device, nextOf, Recipient, serverOf, stated } from './device-stage';
import { ENVELOPES, WRONG_GKC } from './envelopes';
import { group } from './stage';
import { ALTERED, FORGED, OUT_OF_TIME } from './statements';

const PULLED: readonly Altered[] = [...ALTERED, ...FORGED, ...OUT_OF_TIME, ...WRONG_GKC, ...ENVELOPES];

/** A pull that asked for a version has no counterpart, and a delivery is taken for the group that it names. */
const PUSHED: readonly string[] = [
  'statement with a higher version',
  'statement with a later seal-until',
  'statement with another signature',
  'a new version that its gateway states',
  'a new version that the KMC states',
  'the delivery of the version before',
  'another Group Key for the same version, stated by the Server',
  'a GKC of no Group Key',
  'an envelope for the version before',
  'an envelope for another member',
  'an envelope for another group',
];

interface Ended {
  readonly recipient: Recipient;
  readonly alive: GroupKeyDelivery;
  readonly end: GroupKeyDelivery;
}

/** The group has ended, by the Server's word: nothing about it counts any more. */
const ended = (id: string, bad: (found: Ended) => GroupKeyDelivery): Row =>
  row<Ended>({
    id,
    item: 'a replayed or lower statement',
    clause: 'GK-DELETE step 8',
    at: 'device',
    expect: refused('GROUP_DELETED'),
    arrange: async (world) => {
      const own = await device(world, 2);
      const recipient = new Recipient(world, own, await group(world, [own.entity]));
      await recipient.pull();
      const alive = await recipient.honest();
      const statement = stated(endStatement(recipient.groupId, 1n, Date.now()), serverOf(world));
      return { recipient, alive, end: { statement, own: NOTHING, shared: NOTHING } };
    },
    good: ({ recipient, end }) => recipient.pullThrough(() => end),
    bad: (found) => found.recipient.pullThrough(() => bad(found)),
  });

export const DELIVERY_ROWS: readonly Row[] = [
  ...PULLED.map(alteredRow),
  ...PULLED.filter(({ id }) => PUSHED.includes(id)).map((one) => pushed(one.id, one)),
  ended('the last delivery before the end of the group', ({ alive }) => alive),
  ended('a new version after the end of the group', ({ recipient, alive }) =>
    deliveryOf(recipient, nextOf(recipient, alive), { statement: { version: 3n, previous: 2n } }),
  ),
];
