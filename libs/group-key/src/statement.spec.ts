import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import type * as CertificateIssuance from '@cpns/certificate-issuance';
import { type Credentials, verifyChain } from '@cpns/certificate-issuance';
import { duration, Reader } from '@cpns/core';
import { FakeClock, flipped, reasonOf, SeededRandom, itHolds } from '@cpns/core/testing';
import {
  endsGroup,
  endStatement,
  NO_SHARED_DIGEST,
  requireStatementSignature,
  signStatement,
  type Statement,
  statementBytes,
} from './statement';
import { forge, FORGERS, TestServer, testVersion } from './testing';

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
  itHolds('begin with their label and hold every field, once', [anyStatement], (any) => {
    const signed = statementBytes(any);
    expect(signed.subarray(0, LABEL.length).toString()).toBe(LABEL);
    expect(read(signed)).toEqual(any);
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

const judge = (of: Statement, signature: Buffer, key = publicKey) =>
  reasonOf(() => requireStatementSignature(key, of, signature));

describe('a signature over a statement', () => {
  const signature = signStatement(privateKey, statement);

  it('verifies under the key that made it', () => {
    expect(judge(statement, signature)).toBe('accepted');
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
    expect(judge({ ...statement, ...edit }, signature)).toBe('SIGNATURE_INVALID');
  });

  it.each([
    ['altered', flipped(signature, -1)],
    ['cut off', signature.subarray(0, -1)],
    ['empty', Buffer.alloc(0)],
  ])('is refused when it is %s', (_what, other) => {
    expect(judge(statement, other)).toBe('SIGNATURE_INVALID');
  });

  it('is refused under another key', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(judge(statement, signature, other)).toBe('SIGNATURE_INVALID');
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
    expect(judge(end, signStatement(privateKey, end))).toBe('accepted');
  });
});

// the real one, with its calls counted
jest.mock('@cpns/certificate-issuance', () => {
  const actual = jest.requireActual<typeof CertificateIssuance>('@cpns/certificate-issuance');
  return { ...actual, verifyChain: jest.fn(actual.verifyChain) };
});

describe('who signs statements', () => {
  const clock = new FakeClock();
  let server: TestServer;
  let statement: Statement;

  beforeAll(async () => {
    server = await TestServer.create(clock);
    statement = server.version().statement;
  });

  const judged = (
    signed: { signature: Buffer; chain: readonly Uint8Array[] },
    verifier = server.verifier(),
    of = statement,
  ) => reasonOf(() => verifier.verify(of, signed.signature, signed.chain));

  it('is the CPNS Server, with its chain, with or without the root', () => {
    const signed = server.sign(statement);
    expect(judged(signed)).toBe('accepted');
    expect(judged({ ...signed, chain: signed.chain.slice(0, -1) })).toBe('accepted');
  });

  it.each(Object.entries(FORGERS))('is not %s', async (_who, { make, reason }) => {
    expect(judged(forge(await make(server), statement))).toBe(reason);
  });

  it('is not a Server of the same name under another root', async () => {
    const other = await TestServer.create(clock);
    expect(judged(other.sign(statement))).toBe('CERTIFICATE_CHAIN');
  });

  it.each<[string, (chain: readonly Buffer[]) => readonly Buffer[], string]>([
    ['no chain', () => [], 'CERTIFICATE_CHAIN'],
    ['the leaf alone', (chain) => chain.slice(0, 1), 'CERTIFICATE_CHAIN'],
    ['the authorities without the leaf', (chain) => chain.slice(1), 'CERTIFICATE_CHAIN'],
    ['an altered leaf', ([leaf, ...above]) => [flipped(leaf!, -1), ...above], 'CERTIFICATE_CHAIN'],
    ['what is no certificate', ([, ...above]) => [Buffer.from('leaf'), ...above], 'CERTIFICATE_MALFORMED'],
  ])('is not shown by %s', (_what, edit, reason) => {
    const { signature, chain } = server.sign(statement);
    expect(judged({ signature, chain: edit(chain) })).toBe(reason);
  });

  it('did not sign another statement, also where the chain is remembered', () => {
    const verifier = server.verifier();
    const signed = server.sign(statement);
    expect(judged(signed, verifier)).toBe('accepted');
    expect(judged(signed, verifier, { ...statement, version: 2n })).toBe('SIGNATURE_INVALID');
    expect(judged({ ...signed, signature: flipped(signed.signature, -1) }, verifier)).toBe('SIGNATURE_INVALID');
  });
});

describe('chains that a verifier remembers', () => {
  const setup = async () => {
    const clock = new FakeClock();
    const server = await TestServer.create(clock);
    const short = await server.pki.issueService('cpns-server', { notAfter: clock.now() + duration(1, 'hour') });
    return { clock, server, short, statement: server.version().statement };
  };
  const judge = (server: TestServer, verifier: ReturnType<TestServer['verifier']>, by: Credentials) => {
    const { statement } = server.version();
    const { signature, chain } = forge({ ...by, key: by.privateKey.keyObject }, statement);
    return reasonOf(() => verifier.verify(statement, signature, chain));
  };

  it('end with their first certificate, in its last second', async () => {
    const { clock, server, short } = await setup();
    const verifier = server.verifier(clock);
    expect(judge(server, verifier, short)).toBe('accepted');
    clock.advance(duration(1, 'hour') + 999);
    expect(judge(server, verifier, short)).toBe('accepted');
    clock.advance(1);
    expect(judge(server, verifier, short)).toBe('CERTIFICATE_EXPIRED');
    expect(verifier.remembered).toBe(0);
  });

  it('do not hold before they begin: a clock that goes back is not believed either', async () => {
    const { clock, server, short } = await setup();
    const verifier = server.verifier(clock);
    expect(judge(server, verifier, short)).toBe('accepted');
    clock.advance(-duration(1, 'day'));
    expect(judge(server, verifier, short)).toBe('CERTIFICATE_EXPIRED');
  });

  it('are verified once: what follows costs no more than a signature', async () => {
    const { server, clock, short } = await setup();
    const verifier = server.verifier(clock);
    const before = jest.mocked(verifyChain).mock.calls.length;
    for (let i = 0; i < 20; i++) expect(judge(server, verifier, server.credentials)).toBe('accepted');
    expect(jest.mocked(verifyChain).mock.calls.length - before).toBe(1);
    expect(judge(server, verifier, short)).toBe('accepted');
    expect(jest.mocked(verifyChain).mock.calls.length - before).toBe(2);
  });

  it('are at most sixteen, and one that is bad takes none of their places', async () => {
    const { server, clock } = await setup();
    const verifier = server.verifier(clock);
    for (let i = 0; i < 20; i++) {
      expect(judge(server, verifier, await server.pki.issueService('cpns-server'))).toBe('accepted');
      expect(verifier.remembered).toBe(Math.min(i + 1, 16));
    }
    expect(judge(server, verifier, await server.pki.issueService('kmc'))).toBe('PEER_UNEXPECTED');
    expect(verifier.remembered).toBe(16);
  });
});
