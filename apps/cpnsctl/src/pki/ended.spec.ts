import { createDevelopmentPki, privateKeyPem } from '@cpns/certificate-issuance';
import { CertificateServiceService, type EndCertificateRequest, type EndedCertificate } from '@cpns/contracts';
import { systemClock } from '@cpns/core';
import { perFile, TemporaryDirectory } from '@cpns/core/testing';
import { createServerPort, implement, peerIdentifier, type ServerPort } from '@cpns/grpc';
import { MemoryLog } from '@cpns/telemetry/testing';
import { EXIT } from '../exit-codes';
import { run } from '../program';
import { RecordingIo } from '../testing/recording-io';

const directory = perFile(new TemporaryDirectory());
const asked: EndCertificateRequest['which'][] = [];
const DIGEST = 'ab'.repeat(32);
const list: readonly EndedCertificate[] = [
  { which: { $case: 'publicKeyDigest', value: Buffer.from(DIGEST, 'hex') }, endedAt: 1_000n, until: 2_000n },
  { which: { $case: 'uri', value: 'cpns://home.example/operator/bob' }, endedAt: 1_000n, until: 2_000n },
  { which: { $case: 'certificateDigest', value: Buffer.from(DIGEST, 'hex') }, endedAt: 1_000n, until: 2_000n },
];
let port: ServerPort;
let leaf: Buffer;

beforeAll(async () => {
  const pki = await createDevelopmentPki({ trustDomain: 'home.example' });
  const service = await pki.issueService('cpns-server', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  const operator = await pki.issueOperator('alice');
  [leaf] = operator.chain as [Buffer];
  directory.write('root.pem', pki.root.certificatePem);
  directory.write('operator-chain.pem', operator.chainPem);
  directory.write('operator.key', privateKeyPem(operator.privateKey));
  const tls = {
    cert: Buffer.from(service.chainPem),
    key: Buffer.from(privateKeyPem(service.privateKey)),
    ca: Buffer.from(pki.root.certificatePem),
  };
  const services = [
    implement(CertificateServiceService, {
      endCertificate: ({ which }) => Promise.resolve({ ended: list[asked.push(which) - 1] }),
      listEndedCertificates: ({ pageToken }) =>
        Promise.resolve({ ended: [list[Number(pageToken)]!], nextPageToken: ['1', '2', ''][Number(pageToken)]! }),
      watchEndedCertificates: () => Promise.resolve(),
    }),
  ];
  const identify = peerIdentifier({
    issuingCaDer: pki.issuingCa.chain[0]!,
    trustDomain: 'home.example',
    clock: systemClock,
  });
  const { logger } = new MemoryLog();
  port = createServerPort({ clients: 'certificate', listen: '127.0.0.1:0', tls, identify, services, logger });
  await port.start();
});
afterAll(() => port.stop(100));
beforeEach(() => asked.splice(0));

async function cpnsctl(...args: readonly string[]) {
  const io = new RecordingIo();
  const code = await run([...args, '--server', port.address, '--pki', directory.path], io);
  return { code, ...io.written };
}

it.each([
  ['a certificate', ['pki', 'revoke', 'operator-chain.pem'], () => ({ $case: 'certificate', value: leaf })],
  ['a public key', ['pki', 'revoke', '--public-key', DIGEST], () => list[0]!.which],
  ['an operator', ['operator', 'revoke', 'bob'], () => ({ $case: 'operator', value: 'bob' })],
])('ends %s, and shows what was ended', async (_what, args, which) => {
  const inDirectory = args.map((arg) => (arg.endsWith('.pem') ? directory.join(arg) : arg));
  const { code, out } = await cpnsctl(...inDirectory, '--output', 'json');
  expect([code, asked]).toEqual([EXIT.done, [which()]]);
  expect(JSON.parse(out)).toMatchObject({ what: 'public key', value: DIGEST, endedAt: '1970-01-01T00:00:01.000Z' });
});

it('lists all pages', async () => {
  const { code, out } = await cpnsctl('pki', 'ended', '--output', 'json');
  expect(code).toBe(EXIT.done);
  expect((JSON.parse(out) as { what: string }[]).map(({ what }) => what)).toEqual([
    'public key',
    'operator',
    'gateway certificate',
  ]);
  expect((await cpnsctl('pki', 'ended')).out).toContain('cpns://home.example/operator/bob');
});

it.each([
  ['neither', []],
  ['both', ['operator-chain.pem', '--public-key', DIGEST]],
  ['a digest of 31 bytes', ['--public-key', DIGEST.slice(2)]],
  ['a file that is not there', ['none.pem']],
])('refuses %s, and asks nothing', async (_what, args) => {
  const { code } = await cpnsctl('pki', 'revoke', ...args);
  expect([code, asked]).toEqual([EXIT.usage, []]);
});
