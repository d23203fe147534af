import { type Credentials, verifyChain } from '@cpns/certificate-issuance';
import { duration } from '@cpns/core';
import { FakeClock, flipped, reasonOf } from '@cpns/core/testing';
import type * as CertificateIssuance from '@cpns/certificate-issuance';
import type { Statement } from './statement';
import { forge, FORGERS, signAs, TestServer } from './testing';

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
    server = await TestServer.create({ clock });
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
    const other = await TestServer.create({ clock });
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
    const server = await TestServer.create({ clock });
    const short = await server.pki.issueService('cpns-server', { notAfter: clock.now() + duration(1, 'hour') });
    return { clock, server, short, statement: server.version().statement };
  };
  const judge = (server: TestServer, verifier: ReturnType<TestServer['verifier']>, by: Credentials) => {
    const { statement } = server.version();
    const { signature, chain } = signAs(by, statement);
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
