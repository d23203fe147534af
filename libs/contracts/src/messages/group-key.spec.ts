import {
  GatewayGroupKeyDelivery,
  GroupKeyDelivery,
  GroupKeyStatement,
  type MemberEnvelope,
} from '../generated/cpns/v1/group_key_types';
import { EntityUserKey, parseEntityUri } from '@cpns/core';
import { faultOf, SeededRandom, itHolds } from '@cpns/core/testing';
import { endStatement, makeEnvelope, NO_SHARED_DIGEST, type SignedStatement, type Statement } from '@cpns/group-key';
import { testVersion } from '@cpns/group-key/testing';
import fc from 'fast-check';
import {
  checkGatewayGroupKeyDelivery,
  checkGroupKeyDelivery,
  checkStatement,
  DELIVERY_ENVELOPES_MAX,
  gatewayGroupKeyDelivery,
  groupKeyDelivery,
  statementMessage,
} from '..';

const random = new SeededRandom('group-key messages');
const { statement, groupKey } = testVersion(1_795_000_000_000, random, { version: 3n });
const signed: SignedStatement = {
  statement,
  signature: random.bytes(71),
  chain: [random.bytes(600), random.bytes(500)],
};
const ended: SignedStatement = { ...signed, statement: endStatement('living-room', 3n, 1_795_000_000_000) };
const wire = statementMessage(signed);

const entityNamed = (name: string) => `cpns://pn1.td/pne/${name}`;
const E = entityNamed('camera');
const secret = new EntityUserKey(random.bytes(32));
const envelopeFor = (entity: string) =>
  makeEnvelope(secret, 'ab'.repeat(16), { groupId: 'living-room', version: 3n, entity }, groupKey);
const own = envelopeFor(E);

const retagged = (tag: number): Buffer => Buffer.concat([Buffer.of(tag), own.subarray(1)]);
const none = Buffer.alloc(0);

describe('a statement on the wire', () => {
  it.each<[string, Partial<GroupKeyStatement>, string]>([
    ['as it was made', {}, 'accepted'],
    ['the end of a group', { commitment: none }, 'accepted'],
    ['the first version', { version: 1n, previous: 0n }, 'accepted'],
    ['without a group', { groupId: '' }, 'FIELD_MISSING group_id'],
    ['with a group of 65 characters', { groupId: 'g'.repeat(65) }, 'FIELD_TOO_LONG group_id'],
    ['with a group that is no name', { groupId: '.room' }, 'NAME_INVALID group_id'],
    ['without a version', { version: 0n }, 'FIELD_MISSING version'],
    ['with itself as previous', { previous: 3n }, 'FIELD_OUT_OF_RANGE previous'],
    ['with a previous after it', { previous: 4n }, 'FIELD_OUT_OF_RANGE previous'],
    ['with a tree’s epoch', { treeEpoch: 1n }, 'FIELD_OUT_OF_RANGE tree_epoch'],
    ['with a tree’s revision', { treeRevision: 1n }, 'FIELD_OUT_OF_RANGE tree_revision'],
    ['without activate-at', { activateAt: 0n }, 'FIELD_MISSING activate_at'],
    ['with an activate-at that is not exact', { activateAt: 1n << 53n }, 'FIELD_OUT_OF_RANGE activate_at'],
    ['with the last exact activate-at', { activateAt: (1n << 53n) - 1n }, 'accepted'],
    ['without seal-until', { sealUntil: 0n }, 'FIELD_MISSING seal_until'],
    ['with a seal-until that is not exact', { sealUntil: (1n << 64n) - 1n }, 'FIELD_OUT_OF_RANGE seal_until'],
    ['with a commitment of 31 bytes', { commitment: Buffer.alloc(31) }, 'FIELD_SIZE commitment'],
    ['with a commitment of 33 bytes', { commitment: Buffer.alloc(33) }, 'FIELD_SIZE commitment'],
    ['without a shared digest', { sharedDigest: none }, 'FIELD_MISSING shared_digest'],
    ['with a shared digest of 31 bytes', { sharedDigest: Buffer.alloc(31) }, 'FIELD_SIZE shared_digest'],
    ['with the digest of a rekey message', { sharedDigest: Buffer.alloc(32) }, 'FIELD_OUT_OF_RANGE shared_digest'],
    ['without a signature', { signature: none }, 'FIELD_MISSING signature'],
    ['with a signature of 512 bytes', { signature: Buffer.alloc(512) }, 'accepted'],
    ['with a signature of 513 bytes', { signature: Buffer.alloc(513) }, 'FIELD_TOO_LONG signature'],
    ['without a chain', { chain: [] }, 'FIELD_MISSING chain'],
    ['with a chain of five', { chain: Array<Buffer>(5).fill(Buffer.alloc(9)) }, 'FIELD_OUT_OF_RANGE chain'],
    ['with an empty certificate', { chain: [none] }, 'FIELD_MISSING chain'],
    ['with a certificate of 8,193 bytes', { chain: [Buffer.alloc(8_193)] }, 'FIELD_TOO_LONG chain'],
  ])('%s', (_what, edit, reason) => {
    expect(faultOf(() => checkStatement({ ...wire, ...edit }))).toBe(reason);
  });

  const u64 = (min: bigint) => fc.bigInt({ min, max: (1n << 64n) - 1n });
  const time = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  const bytes = (min: number, max: number) =>
    fc.uint8Array({ minLength: min, maxLength: max }).map((array) => Buffer.from(array));
  const anyStatement: fc.Arbitrary<Statement> = fc
    .record({
      groupId: fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/),
      versions: fc.tuple(u64(0n), u64(0n)).filter(([a, b]) => a !== b),
      activateAt: time,
      sealUntil: time,
      commitment: fc.oneof(bytes(32, 32), fc.constant(none)),
    })
    .map(({ versions: [a, b], ...others }) => ({
      ...others,
      version: a > b ? a : b,
      previous: a > b ? b : a,
      treeEpoch: 0n,
      treeRevision: 0n,
      sharedDigest: NO_SHARED_DIGEST,
    }));

  const anySigned = fc.record({
    statement: anyStatement,
    signature: bytes(1, 512),
    chain: fc.array(bytes(1, 300), { minLength: 1, maxLength: 4 }),
  });
  itHolds('comes back as it was, over the wire', [anySigned], (any) => {
    const sent = GroupKeyStatement.encode(statementMessage(any)).finish();
    expect(checkStatement(GroupKeyStatement.decode(sent))).toEqual(any);
  });

  itHolds(
    'of any bytes that decode is judged with a reason, or is one',
    [fc.record({ groupId: fc.string(), version: u64(0n), sealUntil: u64(0n), commitment: bytes(0, 40) })],
    (edit) => {
      const fault = faultOf(() => checkStatement({ ...wire, ...edit }));
      expect(fault).toMatch(/^(accepted|(FIELD|NAME)_[A-Z_]+ [a-z_]+)$/);
    },
  );
});

it.each([
  ['statement', checkStatement],
  ['delivery', checkGroupKeyDelivery],
  ['delivery', checkGatewayGroupKeyDelivery],
])('a %s that is missing', (what, check) => {
  expect(faultOf(() => check(undefined))).toBe(`FIELD_MISSING ${what}`);
});

describe('a delivery to a member', () => {
  const delivery = groupKeyDelivery({ signed, own });

  it.each<[string, Partial<GroupKeyDelivery>, string]>([
    ['as it was made', {}, 'accepted'],
    ['without an envelope', { own: none }, 'accepted'],
    ['without a statement', { statement: undefined }, 'FIELD_MISSING statement'],
    ['with a statement that is none', { statement: { ...wire, version: 0n } }, 'FIELD_MISSING version'],
    ['with a rekey message', { shared: Buffer.of(2) }, 'FIELD_OUT_OF_RANGE shared'],
    ['with a rekey message in place of the envelope', { own: retagged(2) }, 'FIELD_OUT_OF_RANGE own'],
    ['with a path', { own: retagged(3) }, 'FIELD_OUT_OF_RANGE own'],
    ['with an envelope of 513 bytes', { own: Buffer.alloc(513, 1) }, 'FIELD_TOO_LONG own'],
    ['that ends the group', { statement: statementMessage(ended), own: none }, 'accepted'],
    ['that ends the group, with an envelope', { statement: statementMessage(ended) }, 'FIELD_OUT_OF_RANGE own'],
  ])('%s', (_what, edit, reason) => {
    expect(faultOf(() => checkGroupKeyDelivery({ ...delivery, ...edit }))).toBe(reason);
  });

  it.each([
    ['with an envelope', { signed, own }],
    ['without', { signed: ended }],
  ])('comes back as it was, over the wire, %s', (_what, checked) => {
    const sent = GroupKeyDelivery.encode(groupKeyDelivery(checked)).finish();
    expect(checkGroupKeyDelivery(GroupKeyDelivery.decode(sent))).toEqual(checked);
  });
});

describe('a delivery to a gateway', () => {
  const other = entityNamed('lamp');
  const checked = {
    signed,
    envelopes: [E, other].map((entity) => ({ entity: parseEntityUri(entity), own: envelopeFor(entity) })),
    part: 1,
    more: true,
  };
  const delivery = gatewayGroupKeyDelivery(checked);
  const END = { statement: statementMessage(ended), envelopes: [] };
  const only = (entity: string, bytes: Buffer): MemberEnvelope[] => [{ entity, own: bytes }];
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ entity: entityNamed(`m${n}`), own: envelopeFor(entityNamed(`m${n}`)) }));

  it.each<[string, Partial<GatewayGroupKeyDelivery>, string]>([
    ['as it was made', {}, 'accepted'],
    ['without envelopes', { envelopes: [] }, 'accepted'],
    ['without a statement', { statement: undefined }, 'FIELD_MISSING statement'],
    ['with a rekey message', { shared: Buffer.of(2) }, 'FIELD_OUT_OF_RANGE shared'],
    ['for a member that is no entity', { envelopes: only('cpns://td/service/kmc', own) }, 'NAME_INVALID entity'],
    ['for no member', { envelopes: only('', own) }, 'FIELD_MISSING entity'],
    ['with nothing for a member', { envelopes: only(E, none) }, 'FIELD_MISSING own'],
    ['with another’s envelope', { envelopes: only(E, envelopeFor(other)) }, 'ENVELOPE_INVALID entity'],
    ['with half an envelope', { envelopes: only(E, own.subarray(0, 60)) }, 'ENVELOPE_INVALID size'],
    ['with a path', { envelopes: only(E, retagged(3)) }, 'FIELD_OUT_OF_RANGE own'],
    ['with an envelope of 513 bytes', { envelopes: only(E, Buffer.alloc(513, 1)) }, 'FIELD_TOO_LONG own'],
    ['with two for one member', { envelopes: [...only(E, own), ...only(E, own)] }, 'FIELD_OUT_OF_RANGE envelopes'],
    ['with as many as there may be', { envelopes: many(DELIVERY_ENVELOPES_MAX) }, 'accepted'],
    ['with one more', { envelopes: many(DELIVERY_ENVELOPES_MAX + 1) }, 'FIELD_OUT_OF_RANGE envelopes'],
    ['that ends the group', { ...END, part: 0, more: false }, 'accepted'],
    ['that ends the group, with envelopes', { statement: END.statement }, 'FIELD_OUT_OF_RANGE envelopes'],
    ['that ends the group, as a later part', { ...END, more: false }, 'FIELD_OUT_OF_RANGE part'],
    ['that ends the group, in parts', { ...END, part: 0 }, 'FIELD_OUT_OF_RANGE more'],
  ])('%s', (_what, edit, reason) => {
    expect(faultOf(() => checkGatewayGroupKeyDelivery({ ...delivery, ...edit }))).toBe(reason);
  });

  it('comes back as it was, over the wire', () => {
    const sent = GatewayGroupKeyDelivery.encode(delivery).finish();
    expect(checkGatewayGroupKeyDelivery(GatewayGroupKeyDelivery.decode(sent))).toEqual(checked);
  });
});
