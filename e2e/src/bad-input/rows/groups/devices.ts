/**
 * Group Keys and content at a device of the SDK in this process, behind a gateway whose keys the suite holds: what it keeps
 * is looked at as every other store is. The table of all that it refuses is in the specs of the SDK.
 */
import { statementMessage, checkStatement, type GroupKeyDelivery } from '@cpns/contracts';
import { GroupKey } from '@cpns/core';
import { encodeContentHeader, makeEnvelope, parseContentHeader, signStatement, type Statement } from '@cpns/group-key';
import { flipped, row, type Shown } from '@cpns/testing/bad-input';
import { createPrivateKey, randomBytes } from 'node:crypto';
import type { Row } from '../../phase';
import type { World } from '../../world';
import { device, GroupMember, type Tamper } from './served-devices';
import { group, groupsOf, member } from './stage';

/**
 * A device with version 1 of a group whose version 2 waits for it, and the delivery of version 1, when that was the newest;
 * its friend is in the group, and not in the other one. In a group like it, nothing is done to the delivery.
 */
async function stage(world: World) {
  const [own, second] = [await device(world, 1), await device(world, 2)];
  const first = async () => {
    const recipient = new GroupMember(own, await group(world, [own.entity, second.entity]));
    const old = await recipient.honest();
    await recipient.pull();
    await groupsOf(world).addMembers(recipient.groupId, [await member(world)]);
    return { recipient, old };
  };
  const { recipient: honest } = await first();
  const { recipient, old } = await first();
  const other = new GroupMember(own, await group(world, [own.entity]));
  return { world, recipient, friend: recipient.beside(second), other, old, honest };
}

type Stage = Awaited<ReturnType<typeof stage>>;

/** What comes instead of the honest delivery of the newest version. */
type Bad = (found: Stage, honest: GroupKeyDelivery) => GroupKeyDelivery | Promise<GroupKeyDelivery>;
const withOwn =
  (own: (found: Stage, honest: GroupKeyDelivery) => Buffer | Promise<Buffer>): Bad =>
  async (found, honest) => ({ ...honest, own: await own(found, honest) });

/** The statement of the newest version as the gateway signs it. */
const forging =
  (change: (statement: Statement) => Partial<Statement> = () => ({})): Bad =>
  ({ world: { probe } }, honest) => {
    const newest = checkStatement(honest.statement).statement;
    const statement = { ...newest, ...change(newest) };
    const signature = signStatement(createPrivateKey(probe.tls.key ?? ''), statement);
    return { ...honest, statement: statementMessage({ statement, signature, chain: probe.chain }) };
  };
const forgedEnd: Bad = (found, honest) => {
  const end = forging(({ version }) => ({ version: version + 1n, previous: version, commitment: Buffer.alloc(0) }));
  return end(found, { ...honest, own: Buffer.alloc(0) });
};
const sealedForLonger: Bad = (_found, { statement, ...honest }) => ({
  ...honest,
  statement: statement && { ...statement, sealUntil: statement.sealUntil + 1n },
});
const otherKey = withOwn(({ recipient: { groupId, device } }) => {
  const { entity, secret, keyId } = device;
  return makeEnvelope(secret, keyId, { groupId, version: 2n, entity }, new GroupKey(randomBytes(32)));
});
const ofVersion1 = withOwn(({ old }) => old.own);
const ofFriend = withOwn(async ({ friend }) => (await friend.honest()).own);
const ofOther: Bad = ({ other }) => other.honest();
const oneBit = withOwn((_found, { own }) => flipped(own));

type BadThing<A> = readonly [...Shown, alter: A];
const BEFORE = 'the delivery of the version before';
const WRONG_KEY = 'another Group Key in the envelope than the GKC is of';
const ENVELOPE = 'ENVELOPE_INVALID';
const DELIVERIES: readonly BadThing<Bad>[] = [
  ['statement with a later seal-until', 'an altered statement', 'SIGNATURE_INVALID', sealedForLonger],
  ['a new version that its gateway states', 'a forged statement', 'PEER_UNEXPECTED', forging()],
  ['an end of the group that its gateway states', 'a forged statement', 'PEER_UNEXPECTED', forgedEnd],
  [BEFORE, 'a replayed or lower statement', 'STATEMENT_LOWER', ({ old }) => old],
  [WRONG_KEY, 'a wrong GKC', 'COMMITMENT_MISMATCH', otherKey],
  ['the envelope that came with version 1', 'an envelope for another version', ENVELOPE, ofVersion1],
  ['an envelope for another member', 'an envelope for another member', ENVELOPE, ofFriend],
  ['the delivery of another group', 'an envelope for another group', 'STATEMENT_CONFLICT', ofOther],
  ['an envelope with one bit changed', 'an altered envelope', ENVELOPE, oneBit],
];

/** GK-PULL step 5. */
const deliveries = DELIVERIES.map(([id, item, expect, bad]): Row =>
  row([id, item, expect], 'device', async (world: World) => {
    const found = await stage(world);
    const { honest, recipient } = found;
    const tamper: Tamper = async (newest) => bad(found, await newest());
    const { pull } = recipient;
    // the version before comes to a device that has the newest
    return {
      good: id === BEFORE ? pull : honest.pull,
      bad: () => recipient.through(tamper, pull),
      after: pull,
    };
  }),
);

interface Sent {
  readonly opened: Buffer;
  /** One like it that was not opened yet. */
  readonly twin: Buffer;
  /** A message of a group that the receiver is not in. */
  readonly foreign: Buffer;
}
const talkers = (world: World) =>
  world.once('devices that talk', async () => {
    const [one, two] = [await device(world, 1), await device(world, 2)];
    const sender = new GroupMember(one, await group(world, [one.entity, two.entity]));
    const receiver = sender.beside(two);
    const elsewhere = new GroupMember(one, await group(world, [one.entity]));
    for (const each of [sender, receiver, elsewhere]) await each.pull();
    return { sender, receiver, elsewhere };
  });

function withHigherCounter({ twin }: Sent): Buffer {
  const header = parseContentHeader(twin);
  const rest = twin.subarray(encodeContentHeader(header).length);
  return Buffer.concat([encodeContentHeader({ ...header, counter: header.counter + 1_000n }), rest]);
}
const FOREIGN = 'a message of a group that the device is not in';
const CONTENTS: readonly BadThing<(sent: Sent) => Buffer>[] = [
  ['header with a higher counter', 'content with a changed header', 'CONTENT_INVALID', withHigherCounter],
  ['content whose tag was changed', 'altered content', 'CONTENT_INVALID', ({ twin }) => flipped(twin)],
  ['a message that was opened', 'a replayed message', 'CONTENT_REPLAYED', ({ opened }) => opened],
  [FOREIGN, 'a message of another group', 'NOT_A_MEMBER', ({ foreign }) => foreign],
];

/** protocol.md, "Content". */
const contents = CONTENTS.map(([id, item, expect, alter]): Row =>
  row([id, item, expect], 'device', async (world: World) => {
    const { sender, receiver, elsewhere } = await talkers(world);
    const [opened, twin] = [await sender.seal('a message'), await sender.seal('another')];
    const altered = alter({ opened, twin, foreign: await elsewhere.seal('not for everybody') });
    const open = (message: Buffer) => () => receiver.open(message);
    return { good: open(opened), bad: open(altered), after: open(twin) };
  }),
);

export const DEVICE_ROWS: readonly Row[] = [...deliveries, ...contents];
