/** A delivery of a Group Key at a device, as it comes honestly and with something about it that is wrong. */
import type { GroupKeyDelivery } from '@cpns/contracts';
import { REASONS, type Reason } from '@cpns/core';
import type { EnvelopeCheck } from '@cpns/group-key';
import { row, type Expectation, type Item, type Row } from '../../row';
import type { World } from '../../world';
import { inTurn } from './channel-stage';
import { device, Recipient, type Alter } from './device-stage';
import { group, groupsOf, member } from './stage';

export const refused = (reason: Reason, field?: string): Expectation => ({
  code: REASONS[reason].code,
  reason,
  ...(field === undefined ? {} : { field }),
});
export const NOTHING = Buffer.alloc(0);

/** A member of two groups at version 2, which it has pulled as the first of them was; its friend is in one of them. */
export interface Stage {
  readonly world: World;
  readonly recipient: Recipient;
  readonly other: Recipient;
  readonly friend: Recipient;
  /** The delivery of version 1, when that was the newest. */
  readonly old: GroupKeyDelivery;
}

export const stage = (world: World): Promise<Stage> =>
  world.once('device with deliveries', async () => {
    const [own, second] = [await device(world, 1), await device(world, 2)];
    const groupId = await group(world, [own.entity, second.entity]);
    const recipient = new Recipient(world, own, groupId);
    const old = await recipient.honest();
    await recipient.pull();
    await groupsOf(world).addMembers(groupId, [await member(world)]);
    await recipient.pull();
    const other = new Recipient(world, own, await group(world, [own.entity]));
    await other.pull();
    return { world, recipient, other, friend: new Recipient(world, second, groupId), old };
  });

export interface Altered {
  readonly id: string;
  readonly item: Item;
  /** What comes instead of the honest delivery of the newest version. */
  readonly alter: (stage: Stage) => Alter;
  /** The version that is asked for; the newest without it. */
  readonly version?: bigint;
  readonly expect: Expectation;
  /** Which check of an envelope said so. */
  readonly envelope?: EnvelopeCheck;
}

export const alteredRow = ({ id, item, alter, version, expect: expectation, envelope }: Altered): Row =>
  row<Stage>({
    id,
    item,
    clause: 'GK-PULL step 5',
    at: 'device',
    expect: expectation,
    arrange: stage,
    good: ({ recipient }) => recipient.pull(),
    bad: (found) => found.recipient.pullThrough(alter(found), version),
    after: ({ recipient }) => recipient.pull(),
    check: ({ metadata }) => {
      if (envelope !== undefined) expect(metadata).toMatchObject({ check: envelope });
    },
  });

/** The same where nobody asked: over the stream of GK-PUSH. */
export const pushed = (id: string, { item, alter, expect: expectation }: Altered): Row =>
  row<Stage>({
    id: `${id}, pushed`,
    item,
    clause: 'GK-PUSH step 1',
    at: 'device',
    expect: expectation,
    arrange: stage,
    good: async (found) => {
      const { world, recipient } = found;
      // one watch of a device at a time
      await inTurn(world, 'the watch of a device', async () => recipient.pushed(await recipient.honest()));
    },
    bad: async (found) => found.recipient.pushed(await alter(found)(await found.recipient.honest())),
    after: ({ recipient }) => recipient.pull(),
  });
