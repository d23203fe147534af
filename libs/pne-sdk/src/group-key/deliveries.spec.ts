/** What a gateway may try with a delivery: each is refused for its reason, and nothing of it is kept. */
import { type GroupKeyDelivery, groupKeyDelivery } from '@cpns/contracts';
import { CpnsError, GroupKey, REASONS, systemRandom, type Reason } from '@cpns/core';
import { flipped } from '@cpns/core/testing';
import { deriveGroupKeyCommitment, endStatement, makeEnvelope, parseEnvelope, type Statement } from '@cpns/group-key';
import { forge, FORGERS, TestServer } from '@cpns/group-key/testing';
import { keyIdBytes } from '@cpns/key-derivation';
import fc from 'fast-check';
import { alice, bench, bob, both, eachGroupBench, GROUP } from '../testing/group-bench';

eachGroupBench();
let foreign: TestServer;

beforeAll(async () => {
  foreign = await TestServer.create(bench.clock);
});
beforeEach(async () => {
  for (let version = 2; version <= 3; version++) bench.groups.version(GROUP, both);
  bench.groups.version('kitchen', both);
  await alice.keys.pull(GROUP, 2n);
});

type Wire = NonNullable<GroupKeyDelivery['statement']>;
const edited = (edit: Partial<Wire>) => (delivery: GroupKeyDelivery) => ({
  ...delivery,
  statement: { ...delivery.statement!, ...edit },
});
const NOTHING = Buffer.alloc(0);
const given = (version: bigint, entity = alice.entity, groupId = GROUP) =>
  bench.groups.delivery(groupId, version, entity);
/** Version 3 as another one would make it: a Group Key, its statement, and the envelope of a member. */
const newest = () => bench.server.version({ version: 3n });
type Terms = Parameters<typeof makeEnvelope>[2];
const envelope = (groupKey: GroupKey, change: Partial<Terms> = {}, { secret, keyId } = alice.live) =>
  makeEnvelope(secret, keyId, { groupId: GROUP, version: 3n, entity: alice.entity, ...change }, groupKey);
/** Stated by the Server itself, with something about it that is wrong. */
const stated = (
  edit: Partial<Statement>,
  own: (groupKey: GroupKey) => Buffer = (groupKey) => envelope(groupKey),
  { statement, groupKey } = newest(),
) => groupKeyDelivery({ signed: bench.server.sign({ ...statement, ...edit }), own: own(groupKey) });

/** The bad delivery, `REASON` and the field that the refusal names, and the check of an envelope that found it. */
type Attack = readonly [
  id: string,
  bad: (delivery: GroupKeyDelivery) => GroupKeyDelivery | undefined | Promise<GroupKeyDelivery>,
  reason: string,
  check?: string,
];

/** The Server's statement, one field of it changed under its signature. */
const ALTERED: readonly Attack[] = (
  [
    ['another group-id', () => ({ groupId: 'another-group' }), 'SIGNATURE_INVALID'],
    ['an empty group-id', () => ({ groupId: '' }), 'FIELD_MISSING group_id'],
    ['a group-id that is none', () => ({ groupId: '.hidden' }), 'NAME_INVALID group_id'],
    ['a higher version', () => ({ version: 4n }), 'SIGNATURE_INVALID'],
    ['version 0', () => ({ version: 0n }), 'FIELD_MISSING version'],
    ['another version before', () => ({ previous: 0n }), 'SIGNATURE_INVALID'],
    ['a version before that comes after', () => ({ previous: 3n }), 'FIELD_OUT_OF_RANGE previous'],
    ['a tree epoch', () => ({ treeEpoch: 1n }), 'FIELD_OUT_OF_RANGE tree_epoch'],
    ['a tree revision', () => ({ treeRevision: 1n }), 'FIELD_OUT_OF_RANGE tree_revision'],
    ['a later activate-at', ({ activateAt }) => ({ activateAt: activateAt + 1n }), 'SIGNATURE_INVALID'],
    ['no activate-at', () => ({ activateAt: 0n }), 'FIELD_MISSING activate_at'],
    ['an activate-at beyond all time', () => ({ activateAt: 2n ** 63n }), 'FIELD_OUT_OF_RANGE activate_at'],
    ['a later seal-until', ({ sealUntil }) => ({ sealUntil: sealUntil + 1n }), 'SIGNATURE_INVALID'],
    ['no seal-until', () => ({ sealUntil: 0n }), 'FIELD_MISSING seal_until'],
    ['another commitment', () => ({ commitment: Buffer.alloc(32, 7) }), 'SIGNATURE_INVALID'],
    ['a commitment of 31 bytes', () => ({ commitment: Buffer.alloc(31) }), 'FIELD_SIZE commitment'],
    ['the digest of a rekey message', () => ({ sharedDigest: Buffer.alloc(32) }), 'FIELD_OUT_OF_RANGE shared_digest'],
    ['a digest of 31 bytes', () => ({ sharedDigest: Buffer.alloc(31) }), 'FIELD_SIZE'],
    ['another signature', ({ signature }) => ({ signature: flipped(signature, -1) }), 'SIGNATURE_INVALID'],
    ['no signature', () => ({ signature: NOTHING }), 'FIELD_MISSING signature'],
    ['a signature of 513 bytes', () => ({ signature: Buffer.alloc(513, 1) }), 'FIELD_TOO_LONG signature'],
    ['no chain', () => ({ chain: [] }), 'FIELD_MISSING chain'],
    ['a chain without its leaf', ({ chain }) => ({ chain: chain.slice(1) }), 'CERTIFICATE_CHAIN'],
    ['a chain of five', ({ chain }) => ({ chain: Array<Buffer>(5).fill(chain[0]!) }), 'FIELD_OUT_OF_RANGE chain'],
    ['a certificate of over 8 KiB', () => ({ chain: [Buffer.alloc(8_193, 0x30)] }), 'FIELD_TOO_LONG chain'],
  ] as [string, (wire: Wire) => Partial<Wire>, string][]
).map(([id, edit, reason]) => [`statement with ${id}`, (one) => edited(edit(one.statement!))(one), reason]);

const FORGED: readonly Attack[] = Object.entries(FORGERS).map(([who, { make, reason }]) => [
  `a new version that ${who} states`,
  async () => {
    const { statement, groupKey } = newest();
    return groupKeyDelivery({ signed: forge(await make(bench.server), statement), own: envelope(groupKey) });
  },
  reason,
]);

const ending = (last: bigint) =>
  groupKeyDelivery({ signed: bench.server.sign(endStatement(GROUP, last, bench.clock.now())) });
const ofTheKitchen = () => given(1n, alice.entity, 'kitchen');
/** Of the Server itself for this version: the statement made anew, with another Group Key. */
const anew = (version: bigint) => stated({}, (key) => envelope(key, { version }), bench.server.version({ version }));

/** Of the Server's own, at the wrong time or in contradiction to each other; the device holds version 2. */
const OUT_OF_TIME: readonly Attack[] = [
  ['the delivery of the version before', () => given(1n), 'STATEMENT_LOWER'],
  ['the version before, stated anew by the Server', () => anew(1n), 'STATEMENT_LOWER'],
  ['another Group Key for the same version, stated by the Server', () => anew(2n), 'STATEMENT_CONFLICT'],
  ['the end of the group at a version that is over', () => ending(0n), 'STATEMENT_LOWER'],
  ['the end of the group with an envelope', ({ own }) => ({ ...ending(2n), own }), 'FIELD_OUT_OF_RANGE own'],
  ['the delivery of another group', ofTheKitchen, 'STATEMENT_CONFLICT'],
  ['its name on another group’s statement', () => edited({ groupId: GROUP })(ofTheKitchen()), 'SIGNATURE_INVALID'],
];

const other = () => new GroupKey(systemRandom.bytes(32));
function committedBefore() {
  const { statement, groupKey } = newest();
  const commitment = deriveGroupKeyCommitment(groupKey, GROUP, 2n);
  return stated({}, undefined, { groupKey, statement: { ...statement, commitment } });
}
const WRONG_GKC: readonly Attack[] = [
  ['a GKC of no Group Key', () => stated({ commitment: systemRandom.bytes(32) }), 'COMMITMENT_MISMATCH'],
  ['a GKC of the version before', committedBefore, 'COMMITMENT_MISMATCH'],
  ['another Group Key than the GKC is of', () => stated({}, () => envelope(other())), 'COMMITMENT_MISMATCH'],
];

const invalid = (id: string, own: (right: Buffer, key: GroupKey) => Buffer, check = 'unwrap'): Attack => [
  id,
  () => stated({}, (key) => own(envelope(key), key)),
  'ENVELOPE_INVALID',
  check,
];
/** The head of an envelope written anew; the wrap stays what it is. */
function addressed(own: Buffer, { entity, keyId }: { readonly entity: string; readonly keyId: string }): Buffer {
  const name = Buffer.from(entity);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(name.length);
  return Buffer.concat([Buffer.of(1), length, name, keyIdBytes(keyId), parseEnvelope(own).wrap]);
}
const ENVELOPES: readonly Attack[] = [
  invalid('an envelope for the version before', (_right, key) => envelope(key, { version: 2n })),
  invalid('an envelope for the version after', (_right, key) => envelope(key, { version: 4n })),
  invalid('the envelope that came with version 1', () => given(1n).own),
  invalid('an envelope for another group', (_right, key) => envelope(key, { groupId: 'kitchen' })),
  invalid('an envelope for another member', (_right, key) => envelope(key, { entity: bob.entity }), 'entity'),
  invalid('another member’s envelope with this one’s name on it', (_right, key) =>
    addressed(envelope(key, { entity: bob.entity }, bob.live), alice.live),
  ),
  invalid(
    'an envelope under the key-id of another member',
    (right) => addressed(right, { ...alice.live, keyId: bob.live.keyId }),
    'key-id',
  ),
  invalid('an envelope with one bit changed', (right) => flipped(right, -1)),
  invalid('an envelope that ends early', (right) => right.subarray(0, -1), 'size'),
  invalid('an envelope that goes on', (right) => Buffer.concat([right, Buffer.of(0)]), 'size'),
  invalid('no envelope', () => NOTHING, 'absent'),
];

const ATTACKS: readonly Attack[] = [
  ['no delivery', () => undefined, 'FIELD_MISSING'],
  ['no statement', (delivery) => ({ ...delivery, statement: undefined }), 'FIELD_MISSING statement'],
  [
    'the Server’s statement as the end of the group',
    (one) => edited({ commitment: NOTHING })({ ...one, own: NOTHING }),
    'SIGNATURE_INVALID',
  ],
  [
    'the statement of another deployment’s Server',
    () => groupKeyDelivery({ signed: foreign.sign(newest().statement), own: given(3n).own }),
    'CERTIFICATE_CHAIN',
  ],
  ['a rekey message besides', (delivery) => ({ ...delivery, shared: Buffer.from([2]) }), 'FIELD_OUT_OF_RANGE shared'],
  ['a path of a key tree', (one) => ({ ...one, own: Buffer.of(3, ...one.own.subarray(1)) }), 'FIELD_OUT_OF_RANGE own'],
  ['an envelope of 513 bytes', (one) => ({ ...one, own: Buffer.alloc(513, 1) }), 'FIELD_TOO_LONG own'],
  ...ALTERED,
  ...FORGED,
  ...OUT_OF_TIME,
  ...WRONG_GKC,
  ...ENVELOPES,
];

const codeOf = (expected: string) => REASONS[expected.split(' ')[0] as Reason].code;
const titled = (where: string) =>
  ATTACKS.map(
    ([id, bad, reason, check]) => [`${id}${where}, device: ${codeOf(reason)}/${reason}`, bad, reason, check] as const,
  );

describe('a pulled delivery', () => {
  it.each(titled(''))('%s', async (_title, bad, expected, check) => {
    const before = await alice.stored();
    const { commits } = alice;
    const answer = await bad(given(3n));
    bench.groups.answer = () => answer;
    const [reason, field] = expected.split(' ');
    const metadata = { ...(field && { field }), ...(check && { check }) };
    await expect(alice.keys.pull(GROUP)).rejects.toMatchObject({ reason, metadata });
    expect(await alice.stored()).toEqual(before);
    expect(alice.commits).toBe(commits);
    // what it had it still seals with, and the true one is still taken
    await expect(alice.keys.status(GROUP)).resolves.toMatchObject({ version: 2n, versions: [2n] });
    bench.groups.answer = undefined;
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ version: 3n, versions: [2n, 3n] });
  });

  const CONFLICT = 'FAILED_PRECONDITION/STATEMENT_CONFLICT';
  it(`the version before, where the newest was asked for by its number, device: ${CONFLICT}`, async () => {
    const before = await alice.stored();
    bench.groups.answer = () => given(1n);
    await expect(alice.keys.pull(GROUP, 3n)).rejects.toMatchObject({ reason: 'STATEMENT_CONFLICT' });
    expect(await alice.stored()).toEqual(before);
  });

  it.each([
    ['the last delivery before the end of the group', () => given(3n)],
    ['a new version after the end of the group', () => stated({ version: 5n, previous: 4n })],
  ])('%s, device: FAILED_PRECONDITION/GROUP_DELETED', async (_what, bad) => {
    bench.groups.answer = () => ending(3n);
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ ended: true });
    const before = await alice.stored();
    bench.groups.answer = bad;
    await expect(alice.keys.pull(GROUP)).rejects.toMatchObject({ reason: 'GROUP_DELETED' });
    expect(await alice.stored()).toEqual(before);
  });

  it('that ends the group is believed whatever was asked for', async () => {
    const { statement: last } = bench.server.version({ version: 4n, commitment: Buffer.alloc(0) });
    bench.groups.answer = () => groupKeyDelivery({ signed: bench.server.sign(last) });
    await expect(alice.keys.pull(GROUP, 3n)).resolves.toMatchObject({ version: 4n, ended: true, versions: [2n] });
  });

  it('is refused whatever bit of it is turned over (property)', async () => {
    const delivery = given(3n);
    const before = await alice.stored();
    const field = fc.constantFrom('own', 'signature', 'commitment');
    await fc.assert(
      fc.asyncProperty(field, fc.nat(1_000), async (name, at) => {
        const bytes = name === 'own' ? delivery.own : delivery.statement![name];
        const altered = flipped(bytes, at % bytes.length);
        bench.groups.answer = (one) => (name === 'own' ? { ...one, own: altered } : edited({ [name]: altered })(one));
        await expect(alice.keys.pull(GROUP)).rejects.toBeInstanceOf(CpnsError);
        expect(await alice.stored()).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a pushed delivery', () => {
  // a statement alone says that a newer version is there
  const pushed = titled(', pushed').filter(([, , , check]) => check !== 'absent');
  it.each(pushed)('%s', async (_title, bad, expected) => {
    const stop = new AbortController();
    const refused: string[] = [];
    const taken: bigint[] = [];
    const watching = alice.keys.watch({
      signal: stop.signal,
      onRefused: (refusal) => refused.push(refusal.reason),
      onDelivery: ({ version }) => taken.push(version),
    });
    while (bench.groups.watching === 0) await new Promise((resolve) => setImmediate(resolve));
    const before = await alice.stored();
    const delivery = await bad(given(3n));
    // one that speaks of another group is taken for what it says
    const isOfAnotherGroup = delivery?.statement?.groupId === 'kitchen';
    bench.groups.push(alice.entity, delivery);
    while (refused.length + taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    if (isOfAnotherGroup) expect(taken).toEqual([1n]);
    else {
      expect(refused).toEqual([expected.split(' ')[0]]);
      expect(await alice.stored()).toEqual(before);
    }
    bench.groups.push(alice.entity, given(3n));
    while (!taken.includes(3n)) await new Promise((resolve) => setImmediate(resolve));
    expect(bench.groups.opened).toBe(1);
    stop.abort();
    await watching;
  });
});
