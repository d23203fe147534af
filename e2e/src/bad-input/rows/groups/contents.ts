/** Content that a member opens, and the same with something in it changed, opened before, or of another group. */
import { REASONS, type Reason } from '@cpns/core';
import { CONTENT_TAG_BYTES, encodeContentHeader, parseContentHeader, type ContentHeader } from '@cpns/group-key';
import { randomBytes } from 'node:crypto';
import { flipped } from '../../../support/drafts';
import { row, type Expectation, type Item, type Row } from '../../row';
import type { World } from '../../world';
import { device, Recipient } from './device-stage';
import { group, member } from './stage';

const refused = (reason: Reason): Expectation => ({ code: REASONS[reason].code, reason });

/** Two members of two groups, and of a third and fourth one of them alone. */
interface Talking {
  readonly sender: Recipient;
  readonly receiver: Recipient;
  readonly inOther: { readonly sender: Recipient; readonly receiver: Recipient };
  /** A group in which the receiver is not. */
  readonly foreign: Recipient;
}

const talking = (world: World): Promise<Talking> =>
  world.once('devices that talk', async () => {
    const [one, two] = [await device(world, 1), await device(world, 2)];
    const both = async () => {
      const groupId = await group(world, [one.entity, two.entity]);
      const pair = { sender: new Recipient(world, one, groupId), receiver: new Recipient(world, two, groupId) };
      await Promise.all([pair.sender.pull(), pair.receiver.pull()]);
      return pair;
    };
    const foreign = new Recipient(world, one, await group(world, [one.entity, await member(world)]));
    await foreign.pull();
    return { ...(await both()), inOther: await both(), foreign };
  });

interface Sent extends Talking {
  readonly message: Buffer;
  /** One like it that was not opened yet. */
  readonly twin: Buffer;
}

interface AlteredMessage {
  readonly id: string;
  readonly item: Item;
  readonly alter: (twin: Buffer, sent: Sent) => Buffer | Promise<Buffer>;
  readonly expect: Expectation;
  /** Which check of content said so. */
  readonly content?: 'header' | 'size' | 'tag';
}

const messageRow = ({ id, item, alter, expect: expectation, content }: AlteredMessage): Row =>
  row<Sent>({
    id,
    item,
    clause: 'protocol, Content',
    at: 'device',
    expect: expectation,
    arrange: async (world) => {
      const found = await talking(world);
      const [message, twin] = [await found.sender.seal('a message'), await found.sender.seal('another message')];
      return { ...found, message, twin };
    },
    good: ({ receiver, message }) => receiver.open(message),
    bad: async (sent) => sent.receiver.open(await alter(sent.twin, sent)),
    // what was refused opens as it was sealed
    after: ({ receiver, twin }) => receiver.open(twin),
    check: ({ metadata }) => {
      if (content !== undefined) expect(metadata).toMatchObject({ check: content });
    },
  });

/** The message under another header; ciphertext and tag stay what they are. */
function under(message: Buffer, change: (header: ContentHeader) => Partial<ContentHeader>): Buffer {
  const header = parseContentHeader(message);
  const rest = message.subarray(encodeContentHeader(header).length);
  return Buffer.concat([encodeContentHeader({ ...header, ...change(header) }), rest]);
}

const inHeader = (
  id: string,
  alter: AlteredMessage['alter'],
  expect = refused('CONTENT_INVALID'),
  content?: AlteredMessage['content'],
): AlteredMessage => ({
  id: `header with ${id}`,
  item: 'content with a changed header',
  alter,
  expect,
  ...(content === undefined ? {} : { content }),
});
const byTag = (id: string, change: (header: ContentHeader, sent: Sent) => Partial<ContentHeader>): AlteredMessage =>
  inHeader(id, (twin, sent) => under(twin, (header) => change(header, sent)), refused('CONTENT_INVALID'), 'tag');

const HEADERS: readonly AlteredMessage[] = [
  inHeader(
    'another tag byte',
    (twin) => Buffer.concat([Buffer.from([0x02]), twin.subarray(1)]),
    refused('CONTENT_INVALID'),
    'header',
  ),
  byTag('another group of both members', (_header, { inOther }) => ({ groupId: inOther.sender.groupId })),
  inHeader('a group that never was', (twin) => under(twin, () => ({ groupId: 'never-was' })), refused('NOT_FOUND')),
  inHeader(
    'a group-id that is none',
    (twin) => {
      const copy = Buffer.from(twin);
      copy[3] = '.'.charCodeAt(0);
      return copy;
    },
    refused('CONTENT_INVALID'),
    'header',
  ),
  inHeader('version 0', (twin) => under(twin, () => ({ version: 0n })), refused('VERSION_RETIRED')),
  inHeader('a version to come', (twin) => under(twin, () => ({ version: 7n })), refused('NOT_FOUND')),
  byTag('another sender', (_header, { receiver }) => ({ sender: receiver.own.entity })),
  inHeader(
    'a sender that is no E',
    (twin) => {
      const { sender } = parseContentHeader(twin);
      const copy = Buffer.from(twin);
      copy.write('x', copy.indexOf(sender));
      return copy;
    },
    refused('CONTENT_INVALID'),
    'header',
  ),
  byTag('another session', () => ({ session: randomBytes(16) })),
  byTag('a higher counter', ({ counter }) => ({ counter: counter + 1_000n })),
  byTag('a lower counter', () => ({ counter: 0n })),
  byTag('the highest counter', () => ({ counter: 2n ** 64n - 1n })),
  inHeader(
    'a group-id that is said to be longer than the message',
    (twin) => {
      const copy = Buffer.from(twin);
      copy.writeUInt16BE(0xffff, 1);
      return copy;
    },
    refused('CONTENT_INVALID'),
    'header',
  ),
];

const changed = (
  id: string,
  alter: (twin: Buffer) => Buffer,
  expect = refused('CONTENT_INVALID'),
  content?: AlteredMessage['content'],
): AlteredMessage => ({
  id: `content ${id}`,
  item: 'altered content',
  alter,
  expect,
  ...(content === undefined ? {} : { content }),
});

const CONTENTS: readonly AlteredMessage[] = [
  changed('whose tag was changed', flipped, refused('CONTENT_INVALID'), 'tag'),
  changed(
    'whose ciphertext was changed',
    (twin) => {
      const copy = Buffer.from(twin);
      const at = copy.length - CONTENT_TAG_BYTES - 1;
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    },
    refused('CONTENT_INVALID'),
    'tag',
  ),
  changed('that ends early', (twin) => twin.subarray(0, -1), refused('CONTENT_INVALID'), 'tag'),
  changed('that goes on', (twin) => Buffer.concat([twin, Buffer.from([0])]), refused('CONTENT_INVALID'), 'tag'),
  changed(
    'that is its header only',
    (twin) => encodeContentHeader(parseContentHeader(twin)),
    refused('CONTENT_INVALID'),
    'size',
  ),
  changed('that is nothing', () => Buffer.alloc(0), refused('CONTENT_INVALID'), 'header'),
  changed('of over 1 MiB', (twin) => Buffer.concat([twin, Buffer.alloc(1_048_576)]), refused('MESSAGE_TOO_LARGE')),
];

const REPLAYS: readonly AlteredMessage[] = [
  {
    id: 'a message that was opened',
    item: 'a replayed message',
    alter: (_twin, { message }) => message,
    expect: refused('CONTENT_REPLAYED'),
  },
  {
    id: 'a message of a group that the device is not in',
    item: 'a message of another group',
    alter: (_twin, { foreign }) => foreign.seal('not for everybody'),
    expect: refused('NOT_A_MEMBER'),
  },
  {
    id: 'a message of another group under this one’s header',
    item: 'a message of another group',
    alter: async (twin, { inOther }) => {
      const { groupId, version } = parseContentHeader(twin);
      return under(await inOther.sender.seal('for others'), () => ({ groupId, version }));
    },
    expect: refused('CONTENT_INVALID'),
    content: 'tag',
  },
];

interface Left {
  readonly sender: Recipient;
  readonly receiver: Recipient;
  readonly message: Buffer;
  readonly later: Buffer;
}

/** A message of a group that the device was in until now. */
const afterLeaving: Row = row<Left>({
  id: 'a message of a group that the device has left',
  item: 'a message of another group',
  clause: 'protocol, Content',
  at: 'device',
  expect: refused('NOT_A_MEMBER'),
  arrange: async (world) => {
    const [one, two] = [await device(world, 1), await device(world, 2)];
    const groupId = await group(world, [one.entity, two.entity], { openToJoin: true });
    const [sender, receiver] = [new Recipient(world, one, groupId), new Recipient(world, two, groupId)];
    await Promise.all([sender.pull(), receiver.pull()]);
    return { sender, receiver, message: await sender.seal('before'), later: await sender.seal('for a member') };
  },
  good: async ({ receiver, message }) => {
    await receiver.open(message);
    await receiver.groups.leave(receiver.groupId);
  },
  bad: ({ receiver, later }) => receiver.open(later),
});

export const CONTENT_ROWS: readonly Row[] = [...[...HEADERS, ...CONTENTS, ...REPLAYS].map(messageRow), afterLeaving];
