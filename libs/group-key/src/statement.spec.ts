import { generateKeyPairSync } from 'node:crypto';
import { Reader } from '@cpns/core';
import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import fc from 'fast-check';
import {
  endsGroup,
  endStatement,
  NO_SHARED_DIGEST,
  requireStatementSignature,
  signStatement,
  statementBytes,
  type Statement,
} from './statement';
import { testVersion } from './testing';

const { statement } = testVersion(1_795_000_000_000, new SeededRandom('statement'), { version: 3n });
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const LABEL = 'cpns/v1/group-key-statement';

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const time = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const anyStatement: fc.Arbitrary<Statement> = fc.record({
  groupId: fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/),
  version: u64,
  previous: u64,
  treeEpoch: u64,
  treeRevision: u64,
  activateAt: time,
  sealUntil: time,
  commitment: fc.oneof(bytes(32), fc.constant(Buffer.alloc(0))),
  sharedDigest: bytes(32),
});

/** The way back, written apart from the library's. */
function read(signed: Buffer): Statement {
  const reader = new Reader(signed.subarray(LABEL.length), 'statement');
  const found = {
    groupId: reader.lpText(),
    version: reader.u64(),
    previous: reader.u64(),
    treeEpoch: reader.u64(),
    treeRevision: reader.u64(),
    activateAt: Number(reader.u64()),
    sealUntil: Number(reader.u64()),
    commitment: reader.lp(),
    sharedDigest: reader.lp(),
  };
  reader.end();
  return found;
}

describe('the bytes of a statement', () => {
  it('begin with their label and hold every field, once', () => {
    fc.assert(
      fc.property(anyStatement, (any) => {
        const signed = statementBytes(any);
        expect(signed.subarray(0, LABEL.length).toString()).toBe(LABEL);
        expect(read(signed)).toEqual(any);
      }),
    );
  });

  it.each<[string, Partial<Statement>]>([
    ['a commitment of 31 bytes', { commitment: Buffer.alloc(31) }],
    ['a commitment of 33 bytes', { commitment: Buffer.alloc(33) }],
    ['a shared digest of 31 bytes', { sharedDigest: Buffer.alloc(31) }],
  ])('are not made of %s', (_what, edit) => {
    expect(reasonOf(() => statementBytes({ ...statement, ...edit }))).toBe('FIELD_SIZE');
  });

  it('are not made of a number that is not exact', () => {
    expect(() => statementBytes({ ...statement, sealUntil: 2 ** 53 })).toThrow(RangeError);
    expect(() => statementBytes({ ...statement, version: 1n << 64n })).toThrow(RangeError);
  });
});

describe('a signature over a statement', () => {
  const signature = signStatement(privateKey, statement);

  it('verifies under the key that made it', () => {
    expect(reasonOf(() => requireStatementSignature(publicKey, statement, signature))).toBe('accepted');
  });

  it.each<[string, Partial<Statement>]>([
    ['group', { groupId: 'another' }],
    ['version', { version: 4n }],
    ['previous', { previous: 1n }],
    ['tree epoch', { treeEpoch: 1n }],
    ['tree revision', { treeRevision: 1n }],
    ['activate-at', { activateAt: statement.activateAt + 1 }],
    ['seal-until', { sealUntil: statement.sealUntil + 1 }],
    ['commitment', { commitment: flipped(statement.commitment) }],
    ['commitment, which is taken away', { commitment: Buffer.alloc(0) }],
    ['shared digest', { sharedDigest: flipped(statement.sharedDigest) }],
  ])('holds for no other %s', (_what, edit) => {
    expect(reasonOf(() => requireStatementSignature(publicKey, { ...statement, ...edit }, signature))).toBe(
      'SIGNATURE_INVALID',
    );
  });

  it.each([
    ['altered', flipped(signature, -1)],
    ['cut off', signature.subarray(0, -1)],
    ['empty', Buffer.alloc(0)],
  ])('is refused when it is %s', (_what, other) => {
    expect(reasonOf(() => requireStatementSignature(publicKey, statement, other))).toBe('SIGNATURE_INVALID');
  });

  it('is refused under another key', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(reasonOf(() => requireStatementSignature(other, statement, signature))).toBe('SIGNATURE_INVALID');
  });
});

describe('the end of a group', () => {
  const end = endStatement('living-room', 3n, 42);

  it('is one version more, without a commitment', () => {
    expect(end).toEqual({
      ...{ groupId: 'living-room', version: 4n, previous: 3n, treeEpoch: 0n, treeRevision: 0n },
      ...{ activateAt: 42, sealUntil: 42, commitment: Buffer.alloc(0), sharedDigest: NO_SHARED_DIGEST },
    });
    expect(endsGroup(end)).toBe(true);
    expect(endsGroup(statement)).toBe(false);
  });

  it('can be signed', () => {
    expect(reasonOf(() => requireStatementSignature(publicKey, end, signStatement(privateKey, end)))).toBe('accepted');
  });
});
