import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { dersToPem, privateKeyPem } from '@cpns/certificate-issuance';
import { CpnsError, systemClock } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { sha256 } from '@cpns/key-derivation';
import { assigner } from '../testing/fake-assigner';
import { eachGateway, gateway } from '../testing/fake-gateway';
import { fetchRoot, withPatience } from './channel';

eachGateway(systemClock);

async function listening<T>(server: Server, use: (endpoint: string) => Promise<T>): Promise<T> {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    // a socket that is not read does not notice its end
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  }
}

const credentials = (): TlsOptions => {
  const { chain, privateKey } = assigner.authorities.gateway;
  return { cert: dersToPem(chain), key: privateKeyPem(privateKey) };
};

const withoutRoot = (): TlsOptions => ({
  ...credentials(),
  cert: dersToPem(assigner.authorities.gateway.chain.slice(0, -1)),
});

describe('fetchRoot', () => {
  it('finds the root that a token port sends, by its digest', async () => {
    await expect(fetchRoot(gateway.tokenAddress, sha256(assigner.root))).resolves.toEqual(assigner.root);
  });

  it('sends nothing but the handshake', async () => {
    const received: number[] = [];
    const server = createServer(credentials(), (socket) => {
      socket.on('data', (data: Buffer) => received.push(data.length));
      socket.on('error', () => undefined);
    });
    await listening(server, (endpoint) => fetchRoot(endpoint, sha256(assigner.root)));
    expect(received).toEqual([]);
  });

  it.each([
    ['another root’s digest', () => sha256(Buffer.from('another root'))],
    ['the digest of a certificate that is no root', () => sha256(assigner.authorities.gateway.chain[1]!)],
    ['the digest of the leaf', () => sha256(assigner.authorities.gateway.chain[0]!)],
  ])('refuses %s', async (_what, digest) => {
    await expect(fetchRoot(gateway.tokenAddress, digest())).rejects.toMatchObject({ reason: 'PEER_UNEXPECTED' });
  });

  const fetched = (server: Server, options: Parameters<typeof fetchRoot>[2] = {}) =>
    listening(server, (endpoint) => fetchRoot(endpoint, sha256(assigner.root), options));
  const silent = () => createTcpServer((socket) => socket.on('error', () => undefined));
  const noAnswer = { reason: 'DEPENDENCY_UNAVAILABLE' };

  it.each<[string, () => Server, string]>([
    ['does not send its root', () => createServer(withoutRoot()), 'PEER_UNEXPECTED'],
    ['has nothing above TLS 1.2', () => createServer({ ...credentials(), maxVersion: 'TLSv1.2' }), noAnswer.reason],
    [
      'speaks no TLS',
      () => createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      noAnswer.reason,
    ],
    ['hangs up', () => createTcpServer((socket) => socket.destroy()), noAnswer.reason],
  ])('refuses a peer that %s', async (_what, server, reason) => {
    await expect(fetched(server())).rejects.toMatchObject({ reason });
  });

  it('does not wait longer than it was told', async () => {
    const began = Date.now();
    await expect(fetched(silent(), { timeoutMs: 100 })).rejects.toMatchObject(noAnswer);
    expect(Date.now() - began).toBeLessThan(3_000);
  });

  it('gives up when it is told to', async () => {
    const signal = AbortSignal.timeout(50);
    await expect(fetched(silent(), { signal })).rejects.toMatchObject(noAnswer);
    await expect(fetchRoot(gateway.tokenAddress, sha256(assigner.root), { signal })).rejects.toMatchObject(noAnswer);
  });

  it('refuses a digest of another size before it dials', async () => {
    await expect(fetchRoot('127.0.0.1:1', Buffer.alloc(31))).rejects.toMatchObject({ reason: 'FIELD_SIZE' });
  });
});

const away = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'away');

describe('patience', () => {
  const clock = new FakeClock();
  const pauses: number[] = [];
  const pause = (milliseconds: number) => {
    pauses.push(milliseconds);
    clock.advance(milliseconds);
    return Promise.resolve();
  };
  beforeEach(() => pauses.splice(0));

  it('makes one attempt where nobody wants to wait', async () => {
    const attempt = jest.fn(() => Promise.reject(away()));
    await expect(withPatience({ waitMs: 0, clock, pause }, attempt)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('goes on until there is an answer', async () => {
    let left = 3;
    const attempt = () => (left-- > 0 ? Promise.reject(away()) : Promise.resolve('here'));
    await expect(withPatience({ waitMs: 10_000, clock, pause }, attempt)).resolves.toBe('here');
    expect(pauses).toEqual([100, 200, 400]);
  });

  it('waits longer each time up to two seconds, ends with the wait, and says what the last attempt said', async () => {
    const began = clock.now();
    const seen: number[] = [];
    const onRetry = (_error: CpnsError, pauseMs: number) => seen.push(pauseMs);
    const attempt = () => Promise.reject(new CpnsError('SHUTTING_DOWN', `at ${clock.now() - began}`));
    await expect(withPatience({ waitMs: 8_000, clock, pause, onRetry }, attempt)).rejects.toThrow('at 8000');
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 2000, 2000, 900]);
    expect(seen).toEqual(pauses);
  });

  it.each([
    ['a refusal', new CpnsError('TOKEN_SPENT', 'spent')],
    ['another peer', new CpnsError('PEER_UNEXPECTED', 'another')],
    ['a fault of ours', new TypeError('a fault')],
  ])('takes %s for an answer', async (_what, error) => {
    const attempt = jest.fn(() => Promise.reject(error));
    await expect(withPatience({ waitMs: 10_000, clock, pause }, attempt)).rejects.toBe(error);
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('pauses for real where no test says otherwise', async () => {
    let left = 1;
    const attempt = () => (left-- > 0 ? Promise.reject(away()) : Promise.resolve(1));
    await expect(withPatience({ waitMs: 10_000, clock: systemClock }, attempt)).resolves.toBe(1);
  });
});
