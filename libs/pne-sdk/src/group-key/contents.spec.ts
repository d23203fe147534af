/** Content that a member opens, and the same with something in it changed, opened before, or of another group. */
import { REASONS, systemRandom, type Reason } from '@cpns/core';
import { CONTENT_TAG_BYTES, encodeContentHeader, parseContentHeader, type ContentHeader } from '@cpns/group-key';
import { flipped } from '@cpns/core/testing';
import { alice, bench, bob, both, eachGroupBench, GROUP } from '../testing/group-bench';

eachGroupBench();
beforeEach(async () => {
  bench.groups.version('kitchen', both);
  bench.groups.version('attic', [alice.entity]);
  await bob.keys.pull(GROUP);
});

const seal = (text: string, groupId = GROUP) => alice.keys.seal(groupId, Buffer.from(text));

/** The message under another header; ciphertext and tag stay what they are. */
function under(message: Buffer, change: (header: ContentHeader) => Partial<ContentHeader>): Buffer {
  const header = parseContentHeader(message);
  const rest = message.subarray(encodeContentHeader(header).length);
  return Buffer.concat([encodeContentHeader({ ...header, ...change(header) }), rest]);
}
const written = (message: Buffer, at: number, byte: number) =>
  Buffer.concat([message.subarray(0, at), Buffer.of(byte), message.subarray(at + 1)]);

/** What is made of a message that would open, and `REASON` with the check of content that found it. */
type Altered = readonly [id: string, bad: (message: Buffer) => Buffer | Promise<Buffer>, expected: string];

const [HEADER, TAG, SIZE] = ['CONTENT_INVALID header', 'CONTENT_INVALID tag', 'CONTENT_INVALID size'];
const header = (id: string, change: (header: ContentHeader) => Partial<ContentHeader>, expected = TAG): Altered => [
  `header with ${id}`,
  (message) => under(message, change),
  expected,
];
const senderAt = (message: Buffer) => message.indexOf(alice.entity);
async function opened(): Promise<Buffer> {
  const message = await seal('opened');
  await bob.keys.open(message);
  return message;
}
async function ofAnotherGroup(message: Buffer): Promise<Buffer> {
  const { groupId, version } = parseContentHeader(message);
  return under(await seal('for others', 'kitchen'), () => ({ groupId, version }));
}
async function afterTheLeave(): Promise<Buffer> {
  bench.groups.version('cellar', [alice.entity, bob.entity]);
  const later = await seal('for a member', 'cellar');
  await bob.keys.pull('cellar');
  await bob.keys.leave('cellar');
  return later;
}
const MESSAGES: readonly Altered[] = [
  ['header with another tag byte', (message) => written(message, 0, 2), HEADER],
  header('another group of both members', () => ({ groupId: 'kitchen' })),
  header('a group that never was', () => ({ groupId: 'never-was' }), 'NOT_FOUND'),
  ['header with a group-id that is none', (message) => written(message, 3, 0x2e), HEADER],
  header('version 0', () => ({ version: 0n }), 'VERSION_RETIRED'),
  header('a version to come', () => ({ version: 7n }), 'NOT_FOUND'),
  header('another sender', () => ({ sender: bob.entity })),
  ['header with a sender that is no E', (message) => written(message, senderAt(message), 0x78), HEADER],
  header('another session', () => ({ session: systemRandom.bytes(16) })),
  header('a higher counter', ({ counter }) => ({ counter: counter + 1_000n })),
  header('a lower counter', () => ({ counter: 0n })),
  header('the highest counter', () => ({ counter: 2n ** 64n - 1n })),
  [
    'header with a group-id that is said to be longer than the message',
    (message) => written(written(message, 1, 0xff), 2, 0xff),
    HEADER,
  ],
  ['content whose tag was changed', (message) => flipped(message, -1), TAG],
  ['content whose ciphertext was changed', (message) => flipped(message, -CONTENT_TAG_BYTES - 1), TAG],
  ['content that ends early', (message) => message.subarray(0, -1), TAG],
  ['content that goes on', (message) => Buffer.concat([message, Buffer.of(0)]), TAG],
  ['content that is its header only', (message) => encodeContentHeader(parseContentHeader(message)), SIZE],
  ['content that is nothing', () => Buffer.alloc(0), HEADER],
  ['content of over 1 MiB', (message) => Buffer.concat([message, Buffer.alloc(1_048_576)]), 'MESSAGE_TOO_LARGE'],
  ['a message that was opened', opened, 'CONTENT_REPLAYED'],
  ['a message of a group that the device is not in', () => seal('not for everybody', 'attic'), 'NOT_A_MEMBER'],
  ['a message of another group under this one’s header', ofAnotherGroup, TAG],
  ['a message of a group that the device has left', afterTheLeave, 'NOT_A_MEMBER'],
];

const titled = MESSAGES.map(([id, bad, expected]) => {
  const [reason = '', check] = expected.split(' ');
  return [`${id}, device: ${REASONS[reason as Reason].code}/${reason}`, bad, reason, check] as const;
});

it.each(titled)('%s', async (_title, bad, reason, check) => {
  // no counter is the first of its session
  await seal('before');
  const message = await seal('hello');
  // what is asked of the Server about another group is kept, and no part of the refusal
  await bob.keys.pull('kitchen');
  const altered = await bad(message);
  const before = await bob.stored();
  await expect(bob.keys.open(altered)).rejects.toMatchObject({ reason, metadata: { ...(check && { check }) } });
  expect(await bob.stored()).toEqual(before);
  await expect(bob.keys.open(message)).resolves.toMatchObject({ plaintext: Buffer.from('hello') });
});
