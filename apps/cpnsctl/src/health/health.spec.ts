import { createDevelopmentPki, privateKeyPem, type Credentials } from '@cpns/certificate-issuance';
import { systemClock } from '@cpns/core';
import { perFile, TemporaryDirectory } from '@cpns/core/testing';
import { createServerPort, HealthMonitor, peerIdentifier, type ServerPort } from '@cpns/grpc';
import { MemoryLog } from '@cpns/telemetry/testing';
import { EXIT } from '../exit-codes';
import { run } from '../program';
import { RecordingIo } from '../testing/recording-io';

const KMC = 'cpns://home.example/service/kmc';
const directory = perFile(new TemporaryDirectory());
const { logger } = new MemoryLog();
let lost = false;
const check = () => (lost ? Promise.reject(new Error('gone')) : Promise.resolve());
const health = new HealthMonitor({ checks: [{ name: 'store', check }], logger, intervalMs: 20 });
const ports: { certificate?: ServerPort; token?: ServerPort } = {};

const files = (name: string, { chainPem, privateKey }: Credentials) => {
  const cert = directory.write(`${name}-chain.pem`, chainPem);
  return ['--cert', cert, '--key', directory.write(`${name}.key`, privateKeyPem(privateKey))];
};

let root: string[];
let own: string[];
beforeAll(async () => {
  const pki = await createDevelopmentPki({ trustDomain: 'home.example' });
  const service = await pki.issueService('kmc', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  root = ['--root', directory.write('root.pem', pki.root.certificatePem)];
  own = files('kmc', service);
  files('operator', await pki.issueOperator('alice'));
  const tls = {
    cert: Buffer.from(service.chainPem),
    key: Buffer.from(privateKeyPem(service.privateKey)),
    ca: Buffer.from(pki.root.certificatePem),
  };
  const common = { listen: '127.0.0.1:0', tls, services: [], logger, health };
  const identify = peerIdentifier({
    issuingCaDer: pki.issuingCa.chain[0]!,
    trustDomain: 'home.example',
    clock: systemClock,
  });
  ports.certificate = createServerPort({ ...common, clients: 'certificate', identify });
  ports.token = createServerPort({ ...common, clients: 'none' });
  await health.start();
  await Promise.all([ports.certificate.start(), ports.token.start()]);
});
afterAll(async () => {
  await health.stop();
  await Promise.all([ports.certificate?.stop(100), ports.token?.stop(100)]);
});

/** @param port one of ours, or an address */
async function ask(port: string, ...args: readonly string[]) {
  const io = new RecordingIo();
  const server = port === 'certificate' || port === 'token' ? ports[port]!.address : port;
  const code = await run(['health', '--server', server, '--peer', KMC, '--output', 'json', ...args], io);
  return { code, ...io.written };
}

describe('health', () => {
  it.each([
    ['the certificate port, as the service itself', 'certificate', () => [...root, ...own]],
    ['the certificate port, as an operator', 'certificate', () => ['--pki', directory.path]],
    ['the token port, as nobody', 'token', () => root],
    ['the token port, as an operator', 'token', () => ['--pki', directory.path]],
  ] as const)('is 0 at %s', async (_, port, args) => {
    const { code, out } = await ask(port, ...args());
    expect(code).toBe(EXIT.done);
    expect(JSON.parse(out)).toMatchObject({ peer: KMC, status: 'SERVING' });
  });

  it.each([
    ['nobody listens', '127.0.0.1:1', () => root, EXIT.unavailable, 'DEPENDENCY_UNAVAILABLE'],
    ['the port wants a certificate', 'certificate', () => root, EXIT.unavailable, 'DEPENDENCY_UNAVAILABLE'],
    ['somebody else is there', 'token', () => [...root, '--peer', `${KMC}2`], EXIT.refused, 'PEER_UNEXPECTED'],
    ['the root is missing', 'token', () => [], EXIT.usage, 'give --pki, or --root'],
    [
      'the key is missing',
      'certificate',
      () => [...root, ...own.slice(0, 2)],
      EXIT.usage,
      '--cert and --key go together',
    ],
    ['a file is missing', 'token', () => ['--root', directory.join('none')], EXIT.usage, 'ENOENT'],
    [
      'the key is another one',
      'certificate',
      () => [...root, ...own, '--key', directory.join('operator.key')],
      EXIT.usage,
      'do not belong together',
    ],
    ['the peer is none', 'token', () => [...root, '--peer', 'kmc'], EXIT.usage, '--peer'],
  ] as const)('is not 0 when %s', async (_, port, args, expected, text) => {
    const { code, out, err } = await ask(port, ...args());
    expect({ code, out }).toEqual({ code: expected, out: '' });
    expect(err).toContain(text);
  });

  it('is not 0 when the service has lost its store, and 0 when that is back', async () => {
    const until = async (code: number) => {
      for (let tries = 0; tries < 100; tries++) {
        const answer = await ask('token', ...root);
        if (answer.code === code) return answer;
      }
      throw new Error(`the exit code never was ${code}`);
    };
    lost = true;
    expect((await until(EXIT.unavailable)).err).toContain('NOT_SERVING');
    lost = false;
    expect(JSON.parse((await until(EXIT.done)).out)).toMatchObject({ status: 'SERVING' });
  });
});
