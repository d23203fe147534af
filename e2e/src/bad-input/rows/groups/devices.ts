/**
 * Group Keys and content at a device of the SDK in this process, behind a gateway whose keys the suite holds: what it keeps
 * is looked at as every other store is. The table of all that it refuses is in the specs of the SDK.
 */
import { statementMessage, checkStatement, type GroupKeyDelivery } from '@cpns/contracts';
import { CpnsError, GroupKey } from '@cpns/core';
import { encodeContentHeader, makeEnvelope, parseContentHeader, signStatement } from '@cpns/group-key';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { flipped } from '@cpns/testing/bad-input';
import { GroupMember, type Behind } from '../../../support/group-member';
import { LocalDevice } from '../../../support/local-device';
import { ServedGateway } from '../../../support/served-gateway';
import { Refusal } from '@cpns/testing/bad-input';
import { row, type Item, type Row } from '../../row';
import type { World } from '../../world';
import { group, groupsOf, member, refused } from './stage';

/** What devices call. */
const served = (world: World): Promise<ServedGateway> =>
  world.once('served gateway', async () => {
    const gateway = await ServedGateway.start(world.deployment, world.probe);
    world.onStop(() => gateway.stop());
    return gateway;
  });

/** By number, so that rows may share them; its store is watched from then on. */
const device = (world: World, number: number): Promise<Behind> =>
  world.once(`device ${number}`, async () => {
    const { address } = await served(world);
    const local = await LocalDevice.create(join(world.deployment.directory, `own-device-${number}`), address);
    world.onStop(() => local.close());
    const peer = { uri: world.probe.uri, address };
    const { oneTimeString } = await world.deployment.operator.admit({ entity: world.entity(), form: 'secret', peer });
    const { entity, secret, keyId } = await (await local.enrol(oneTimeString)).liveKey();
    world.stores.add(`device ${number}`, local.store);
    return { entity, local, secret, keyId };
  });

const inGroup = async (world: World, of: Behind, groupId: string) =>
  new GroupMember({ served: await served(world) }, of, groupId);

/** What the SDK refuses, as every other refusal. @throws Refusal */
async function judged<T>(act: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof CpnsError)) throw error;
    throw new Refusal(error.code, error.reason, error.metadata, error.message, Date.now() - startedAt);
  }
}

/** A device with version 1 of a group whose version 2 waits for it; its friend is in the group, and not in the other one. */
interface Stage {
  readonly world: World;
  readonly recipient: GroupMember;
  readonly friend: GroupMember;
  readonly other: GroupMember;
  /** The delivery of version 1, when that was the newest. */
  readonly old: GroupKeyDelivery;
  /** The same device in a group like it, for the delivery that nothing is done to. */
  readonly honest: GroupMember;
}

async function stage(world: World): Promise<Stage> {
  const [own, second] = [await device(world, 1), await device(world, 2)];
  const first = async () => {
    const recipient = await inGroup(world, own, await group(world, [own.entity, second.entity]));
    const old = await recipient.honest();
    await recipient.pull();
    await groupsOf(world).addMembers(recipient.groupId, [await member(world)]);
    return { recipient, old };
  };
  const { recipient: honest } = await first();
  const { recipient, old } = await first();
  const other = await inGroup(world, own, await group(world, [own.entity]));
  return { world, recipient, friend: recipient.beside(second), other, old, honest };
}

/** What comes instead of the honest delivery of the newest version. */
type Bad = (found: Stage, honest: GroupKeyDelivery) => GroupKeyDelivery | Promise<GroupKeyDelivery>;
type Reason = Parameters<typeof refused>[0];

const withOwn =
  (own: (found: Stage, honest: GroupKeyDelivery) => Buffer | Promise<Buffer>): Bad =>
  async (found, honest) => ({ ...honest, own: await own(found, honest) });

/** The statement of the newest version as the gateway signs it. */
const forged: Bad = ({ world: { probe } }, honest) => {
  const { statement } = checkStatement(honest.statement);
  const signature = signStatement(createPrivateKey(probe.tls.key ?? ''), statement);
  return { ...honest, statement: statementMessage({ statement, signature, chain: probe.chain }) };
};
const sealedForLonger: Bad = (_found, { statement, ...honest }) => ({
  ...honest,
  statement: statement && { ...statement, sealUntil: statement.sealUntil + 1n },
});
const otherKey = ({ recipient: { groupId, device } }: Stage) => {
  const { entity, secret, keyId } = device;
  return makeEnvelope(secret, keyId, { groupId, version: 2n, entity }, new GroupKey(randomBytes(32)));
};
const ofFriend = async ({ friend }: Stage) => (await friend.honest()).own;
const BEFORE = 'the delivery of the version before';
const ENVELOPE: Reason = 'ENVELOPE_INVALID';

const DELIVERIES: readonly (readonly [id: string, item: Item, reason: Reason, bad: Bad])[] = [
  ['statement with a later seal-until', 'an altered statement', 'SIGNATURE_INVALID', sealedForLonger],
  ['a new version that its gateway states', 'a forged statement', 'PEER_UNEXPECTED', forged],
  [BEFORE, 'a replayed or lower statement', 'STATEMENT_LOWER', ({ old }) => old],
  ['another Group Key in the envelope than the GKC is of', 'a wrong GKC', 'COMMITMENT_MISMATCH', withOwn(otherKey)],
  ['the envelope that came with version 1', 'an envelope for another version', ENVELOPE, withOwn(({ old }) => old.own)],
  ['an envelope for another member', 'an envelope for another member', ENVELOPE, withOwn(ofFriend)],
  [
    'the delivery of another group',
    'an envelope for another group',
    'STATEMENT_CONFLICT',
    ({ other }) => other.honest(),
  ],
  ['an envelope with one bit changed', 'an altered envelope', ENVELOPE, withOwn((_found, { own }) => flipped(own))],
];

const deliveries: readonly Row[] = DELIVERIES.map(([id, item, reason, bad]) =>
  row<Stage>({
    id,
    item,
    clause: 'GK-PULL step 5',
    at: 'device',
    expect: refused(reason),
    arrange: stage,
    // the version before comes to a device that has the newest
    good: ({ honest, recipient }) => judged(() => (id === BEFORE ? recipient : honest).pull()),
    bad: (found) => {
      const { recipient } = found;
      const tamper = async (honest: () => Promise<GroupKeyDelivery>) => bad(found, await honest());
      return judged(() => recipient.through(tamper, () => recipient.pull()));
    },
    after: ({ recipient }) => recipient.pull(),
  }),
);

interface Sent {
  readonly receiver: GroupMember;
  readonly opened: Buffer;
  /** One like it that was not opened yet. */
  readonly twin: Buffer;
  /** A message of a group that the receiver is not in. */
  readonly foreign: Buffer;
}

async function sent(world: World): Promise<Sent> {
  const { sender, receiver, elsewhere } = await world.once('devices that talk', async () => {
    const [one, two] = [await device(world, 1), await device(world, 2)];
    const from = await inGroup(world, one, await group(world, [one.entity, two.entity]));
    const beside = from.beside(two);
    const alone = await inGroup(world, one, await group(world, [one.entity]));
    for (const each of [from, beside, alone]) await each.pull();
    return { sender: from, receiver: beside, elsewhere: alone };
  });
  const opened = await sender.seal('a message');
  return { receiver, opened, twin: await sender.seal('another'), foreign: await elsewhere.seal('not for everybody') };
}

function withHigherCounter(message: Buffer): Buffer {
  const header = parseContentHeader(message);
  const rest = message.subarray(encodeContentHeader(header).length);
  return Buffer.concat([encodeContentHeader({ ...header, counter: header.counter + 1_000n }), rest]);
}

const contents: readonly Row[] = (
  [
    [
      'header with a higher counter',
      'content with a changed header',
      'CONTENT_INVALID',
      ({ twin }) => withHigherCounter(twin),
    ],
    ['content whose tag was changed', 'altered content', 'CONTENT_INVALID', ({ twin }) => flipped(twin)],
    ['a message that was opened', 'a replayed message', 'CONTENT_REPLAYED', ({ opened }) => opened],
    [
      'a message of a group that the device is not in',
      'a message of another group',
      'NOT_A_MEMBER',
      ({ foreign }) => foreign,
    ],
  ] as [string, Item, Reason, (found: Sent) => Buffer][]
).map(([id, item, reason, alter]) =>
  row<Sent>({
    id,
    item,
    clause: 'protocol, Content',
    at: 'device',
    expect: refused(reason),
    arrange: sent,
    good: ({ receiver, opened }) => judged(() => receiver.open(opened)),
    bad: (found) => judged(() => found.receiver.open(alter(found))),
    after: ({ receiver, twin }) => receiver.open(twin),
  }),
);

export const DEVICE_ROWS: readonly Row[] = [...deliveries, ...contents];
