import { CertificateServiceService, type EndCertificateRequest, type EndedCertificate } from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import { implement } from '@cpns/grpc';
import { EXIT } from '../exit-codes';
import { FakeServices } from '../testing/fake-services';

const asked: EndCertificateRequest['which'][] = [];
const DIGEST = 'ab'.repeat(32);
const list: readonly EndedCertificate[] = [
  { which: { $case: 'publicKeyDigest', value: Buffer.from(DIGEST, 'hex') }, endedAt: 1_000n, until: 2_000n },
  { which: { $case: 'uri', value: 'cpns://home.example/operator/bob' }, endedAt: 1_000n, until: 2_000n },
  { which: { $case: 'certificateDigest', value: Buffer.from(DIGEST, 'hex') }, endedAt: 1_000n, until: 2_000n },
];
const services = perFile(
  new FakeServices({
    'cpns-server': [
      implement(CertificateServiceService, {
        endCertificate: ({ which }) => Promise.resolve({ ended: list[asked.push(which) - 1] }),
        listEndedCertificates: ({ pageToken }) =>
          Promise.resolve({ ended: [list[Number(pageToken)]!], nextPageToken: ['1', '2', ''][Number(pageToken)]! }),
        watchEndedCertificates: () => Promise.resolve(),
      }),
    ],
  }),
);
beforeEach(() => asked.splice(0));

const cpnsctl = (...args: readonly string[]) => services.cpnsctl(args);

it.each([
  [
    'a certificate',
    ['pki', 'revoke', 'operator-chain.pem'],
    () => ({ $case: 'certificate', value: services.operator }),
  ],
  ['a public key', ['pki', 'revoke', '--public-key', DIGEST], () => list[0]!.which],
  ['an operator', ['operator', 'revoke', 'bob'], () => ({ $case: 'operator', value: 'bob' })],
])('ends %s, and shows what was ended', async (_what, args, which) => {
  const inDirectory = args.map((arg) => (arg.endsWith('.pem') ? services.directory.join(arg) : arg));
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
