/** What a gateway may try with a delivery: each is refused for its reason, and nothing of it is kept. */
import { type GroupKeyDelivery, groupKeyDelivery } from '@cpns/contracts';
import { CpnsError, GroupKey, systemRandom } from '@cpns/core';
import { flipped } from '@cpns/core/testing';
import { deriveGroupKeyCommitment, makeEnvelope, type Statement } from '@cpns/group-key';
import { signAs, TestServer } from '@cpns/group-key/testing';
import fc from 'fast-check';
import { GROUP, GroupBench, type TestMember } from '../testing/group-bench';

jest.setTimeout(30_000);

let bench: GroupBench;
let foreign: TestServer;
let alice: TestMember;
let bob: TestMember;

beforeAll(async () => {
  bench = await GroupBench.create();
  foreign = await TestServer.create({ clock: bench.clock });
});
beforeEach(async () => {
  bench = bench.fresh();
  alice = bench.member('alice');
  bob = bench.member('bob');
  const both = [alice.entity, bob.entity];
  for (let version = 1; version <= 3; version++) bench.groups.version(GROUP, both);
  bench.groups.version('kitchen', both);
  await alice.keys.pull(GROUP, 2n);
});
afterAll(() => bench.close());

const edited = (edit: Partial<NonNullable<GroupKeyDelivery['statement']>>) => (delivery: GroupKeyDelivery) => ({
  ...delivery,
  statement: { ...delivery.statement!, ...edit },
});
const envelope = (groupKey: GroupKey, version = 3n, groupId = GROUP, entity = alice.entity) =>
  makeEnvelope(alice.live.secret, alice.live.keyId, { groupId, version, entity }, groupKey);
const statement = (edit: Partial<Statement>): Statement => ({ ...newest().statement, ...edit });
const newest = () => bench.server.version({ version: 3n });
const given = (version: bigint, entity = alice.entity, groupId = GROUP) =>
  bench.groups.delivery(groupId, version, entity);

type Attack = (delivery: GroupKeyDelivery) => GroupKeyDelivery | undefined | Promise<GroupKeyDelivery>;

const ATTACKS: readonly [what: string, attack: Attack, reason: string][] = [
  ['no delivery', () => undefined, 'FIELD_MISSING'],
  ['no statement', (delivery) => ({ ...delivery, statement: undefined }), 'FIELD_MISSING'],
  [
    'a forged signature',
    (delivery) => edited({ signature: flipped(delivery.statement!.signature, -1) })(delivery),
    'SIGNATURE_INVALID',
  ],
  ['a later seal-until', edited({ sealUntil: 10n ** 15n }), 'SIGNATURE_INVALID'],
  ['an earlier activate-at', edited({ activateAt: 1n }), 'SIGNATURE_INVALID'],
  ['a higher version', edited({ version: 4n }), 'SIGNATURE_INVALID'],
  ['another predecessor', edited({ previous: 1n }), 'SIGNATURE_INVALID'],
  ['another commitment', edited({ commitment: Buffer.alloc(32, 7) }), 'SIGNATURE_INVALID'],
  [
    'a deletion that nobody stated',
    (one) => edited({ commitment: Buffer.alloc(0) })({ ...one, own: Buffer.alloc(0) }),
    'SIGNATURE_INVALID',
  ],
  ['the statement of another group', () => given(1n, alice.entity, 'kitchen'), 'STATEMENT_CONFLICT'],
  [
    'the group’s name on another group’s statement',
    () => edited({ groupId: GROUP })(given(1n, alice.entity, 'kitchen')),
    'SIGNATURE_INVALID',
  ],
  ['a replayed lower statement', () => given(1n), 'STATEMENT_LOWER'],
  [
    'another key for a version that it has',
    () => {
      const { statement: signed, groupKey } = bench.server.version({ version: 2n });
      return groupKeyDelivery({ signed: bench.groups.sign(signed), own: envelope(groupKey, 2n) });
    },
    'STATEMENT_CONFLICT',
  ],
  [
    'the statement of another service',
    async () => {
      const { statement: signed, groupKey } = newest();
      const smf = await bench.server.pki.issueService('smf');
      return groupKeyDelivery({ signed: signAs(smf, signed), own: envelope(groupKey) });
    },
    'PEER_UNEXPECTED',
  ],
  [
    'the statement of another deployment’s Server',
    () => {
      const { statement: signed, groupKey } = newest();
      return groupKeyDelivery({ signed: foreign.sign(signed), own: envelope(groupKey) });
    },
    'CERTIFICATE_CHAIN',
  ],
  [
    'a key that the statement does not commit to',
    () => ({ ...given(3n), own: envelope(new GroupKey(systemRandom.bytes(32))) }),
    'COMMITMENT_MISMATCH',
  ],
  [
    'a statement whose commitment is another version’s',
    () => {
      const { groupKey } = newest();
      const signed = statement({ commitment: deriveGroupKeyCommitment(groupKey, GROUP, 2n) });
      return groupKeyDelivery({ signed: bench.groups.sign(signed), own: envelope(groupKey) });
    },
    'COMMITMENT_MISMATCH',
  ],
  ['no envelope', (delivery) => ({ ...delivery, own: Buffer.alloc(0) }), 'ENVELOPE_INVALID absent'],
  ['the envelope of another version', (delivery) => ({ ...delivery, own: given(2n).own }), 'ENVELOPE_INVALID unwrap'],
  [
    'the envelope of another group',
    (delivery) => ({ ...delivery, own: given(1n, alice.entity, 'kitchen').own }),
    'ENVELOPE_INVALID unwrap',
  ],
  [
    'the envelope of another member',
    (delivery) => ({ ...delivery, own: given(3n, bob.entity).own }),
    'ENVELOPE_INVALID entity',
  ],
  [
    'an envelope under another key of the member',
    () => {
      bench.groups.register(bench.member('alice').live);
      const other = given(3n);
      bench.groups.register(alice.live);
      return other;
    },
    'ENVELOPE_INVALID key-id',
  ],
  ['an envelope that was altered', (one) => ({ ...one, own: flipped(one.own, -1) }), 'ENVELOPE_INVALID unwrap'],
  ['an envelope that was cut', (one) => ({ ...one, own: one.own.subarray(0, -1) }), 'ENVELOPE_INVALID size'],
  [
    'a path of a key tree',
    (one) => ({ ...one, own: Buffer.concat([Buffer.from([3]), one.own.subarray(1)]) }),
    'FIELD_OUT_OF_RANGE',
  ],
  ['a rekey message', (delivery) => ({ ...delivery, shared: Buffer.from([2]) }), 'FIELD_OUT_OF_RANGE'],
];

function failure(expected: string) {
  const [reason, check] = expected.split(' ');
  return { reason, ...(check !== undefined && { metadata: { check } }) };
}

describe('a pulled delivery', () => {
  it.each(ATTACKS)('is refused and changes nothing: %s', async (_what, attack, expected) => {
    const before = alice.snapshot();
    const { commits } = alice.states;
    const answer = await attack(given(3n));
    bench.groups.answer = () => answer;
    await expect(alice.keys.pull(GROUP)).rejects.toMatchObject(failure(expected));
    expect(alice.snapshot()).toBe(before);
    expect(alice.states.commits).toBe(commits);
    // what it had it still seals with, and the true one is still taken
    await expect(alice.keys.status(GROUP)).resolves.toMatchObject({ version: 2n, versions: [2n] });
    bench.groups.answer = undefined;
    await expect(alice.keys.pull(GROUP)).resolves.toMatchObject({ version: 3n, versions: [2n, 3n] });
  });

  it('is of the version that was asked for', async () => {
    bench.groups.answer = () => given(3n);
    await expect(bob.keys.pull(GROUP, 1n)).rejects.toMatchObject({ reason: 'STATEMENT_CONFLICT' });
    expect(bob.states.stored.size).toBe(0);
  });

  it('that ends the group is believed whatever was asked for', async () => {
    const { statement: last } = bench.server.version({ version: 4n, commitment: Buffer.alloc(0) });
    bench.groups.answer = () => groupKeyDelivery({ signed: bench.groups.sign(last) });
    await expect(alice.keys.pull(GROUP, 3n)).resolves.toMatchObject({ version: 4n, ended: true, versions: [2n] });
  });

  it('is refused whatever bit of it is turned over (property)', async () => {
    const delivery = given(3n);
    const before = alice.snapshot();
    const places = fc.oneof(
      ...(['own', 'signature', 'commitment'] as const).map((field) =>
        fc.record({ field: fc.constant(field), at: fc.nat(1_000) }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(places, async ({ field, at }) => {
        const bytes = field === 'own' ? delivery.own : delivery.statement![field];
        const altered = flipped(bytes, at % bytes.length);
        bench.groups.answer = (one) => (field === 'own' ? { ...one, own: altered } : edited({ [field]: altered })(one));
        await expect(alice.keys.pull(GROUP)).rejects.toBeInstanceOf(CpnsError);
        expect(alice.snapshot()).toBe(before);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a pushed delivery', () => {
  it.each(ATTACKS)('is refused and changes nothing: %s', async (_what, attack, expected) => {
    const stop = new AbortController();
    const refused: string[] = [];
    const taken: bigint[] = [];
    const watching = alice.keys.watch({
      signal: stop.signal,
      onRefused: (refusal) => refused.push(refusal.reason),
      onDelivery: ({ version }) => taken.push(version),
    });
    while (bench.groups.watching === 0) await new Promise((resolve) => setImmediate(resolve));
    const before = alice.snapshot();
    const delivery = await attack(given(3n));
    // one that speaks of another group is taken for what it says
    const isOfAnotherGroup = delivery?.statement?.groupId === 'kitchen';
    bench.groups.push(alice.entity, delivery);
    while (refused.length + taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    if (isOfAnotherGroup) expect(taken).toEqual([1n]);
    else {
      expect(refused).toEqual([expected.split(' ')[0]]);
      expect(alice.snapshot()).toBe(before);
    }
    bench.groups.push(alice.entity, given(3n));
    while (!taken.includes(3n)) await new Promise((resolve) => setImmediate(resolve));
    expect(bench.groups.opened).toBe(1);
    stop.abort();
    await watching;
  });
});
