import { eventually } from '@cpns/core/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { checkHealth, createServerPort, HealthMonitor } from '.';
import { KMC, KmcFixture } from './testing/kmc-fixture';

const kmc = new KmcFixture();
const { log, pki } = kmc;
afterEach(() => kmc.reset());

const portWithoutCertificates = (health: HealthMonitor) =>
  kmc.started(
    createServerPort({
      listen: '127.0.0.1:0',
      tls: kmc.tls,
      logger: log.logger,
      health,
      clients: 'none',
      services: [],
    }),
  );

/** A health client as any orchestrator has one, on plain grpc-js. */
function healthClient(address: string, withCertificate = true) {
  const { cert, key } = pki.issue('URI:cpns://td.example/operator/probe');
  const tls = withCertificate ? credentials.createSsl(pki.root, key, cert) : credentials.createSsl(pki.root);
  const client = new Client(address, tls, { 'grpc.ssl_target_name_override': 'localhost' });
  const { path, requestSerialize, responseDeserialize } = healthService.Check!;
  const check = (service: string) =>
    new Promise<string>((resolve) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { service },
        new Metadata(),
        (error: { details: string } | null, reply?: unknown) =>
          resolve(error === null ? (reply as { status: string }).status : error.details),
      );
    });
  const watch = (service: string) => {
    const { path: watchPath, requestSerialize: encode, responseDeserialize: decode } = healthService.Watch!;
    return client.makeServerStreamRequest(watchPath, encode, decode, { service });
  };
  return { check, watch, close: () => client.close() };
}

describe('over the wire', () => {
  test('turns NOT_SERVING within 5 s of a loss, back within 5 s of the return, for all names', async () => {
    let up = true;
    const check = () => (up ? Promise.resolve() : Promise.reject(new Error('lost')));
    const health = new HealthMonitor({ checks: [{ name: 'store', check }], logger: log.logger });
    const port = await kmc.port({ health });
    await health.start();
    const client = healthClient(port.address);
    for (const name of ['', 'cpns.v1.KmcService']) expect(await client.check(name)).toBe('SERVING');
    expect(await client.check('cpns.v1.Other')).not.toMatch(/SERVING/);

    up = false;
    await eventually(async () => expect(await client.check('')).toBe('NOT_SERVING'), 5_000);
    expect(await client.check('cpns.v1.KmcService')).toBe('NOT_SERVING');
    expect(health.failing()).toEqual(['store']);

    up = true;
    await eventually(async () => expect(await client.check('')).toBe('SERVING'), 5_000);
    client.close();
    await health.stop();
  }, 20_000);

  test('is served on a port without client certificates too', async () => {
    const health = new HealthMonitor({ checks: [], logger: log.logger });
    const port = await portWithoutCertificates(health);
    await health.start();
    const client = healthClient(port.address, false);
    expect(await client.check('')).toBe('SERVING');
    client.close();
    await health.stop();
  });

  test('our own client reads both answers, and the name of a service', async () => {
    const health = new HealthMonitor({ checks: [], logger: log.logger });
    const port = await portWithoutCertificates(health);
    const peer = { address: port.address, tls: { root: pki.root }, expectedPeer: KMC };
    expect(await checkHealth(peer)).toBe('NOT_SERVING');
    await health.start();
    expect(await checkHealth(peer)).toBe('SERVING');
    await expect(checkHealth(peer, 'cpns.v1.Other')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await health.stop();
  });

  test('a watcher is told of the stop, and does not hold it up', async () => {
    const health = new HealthMonitor({ checks: [], logger: log.logger });
    const port = await kmc.port({ health });
    await health.start();
    const client = healthClient(port.address);
    const seen: string[] = [];
    const watch = client.watch('');
    watch.on('data', (reply: { status: string }) => seen.push(reply.status));
    const ended = new Promise<string>((resolve) => watch.on('error', (error) => resolve(error.message)));
    await eventually(() => expect(seen).not.toEqual([]));
    await health.stop();
    const started = Date.now();
    await port.stop(5_000);
    expect(Date.now() - started).toBeLessThan(4_000);
    expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
    expect(await ended).toContain('the service is stopping');
    client.close();
  });
});

describe('checks', () => {
  const monitor = (check: () => Promise<void>) =>
    new HealthMonitor({ checks: [{ name: 'x', check }], logger: log.logger, intervalMs: 20, timeoutMs: 50 });

  test('before the first round nothing is served', () => {
    expect(monitor(() => Promise.resolve()).status).toBe('NOT_SERVING');
  });

  test('a check that hangs is a check that failed, also when it fails later on', async () => {
    let fail: (error: Error) => void = () => undefined;
    const health = monitor(() => new Promise((_resolve, reject) => (fail = reject)));
    await health.start();
    expect(health.status).toBe('NOT_SERVING');
    fail(new Error('late'));
    await health.stop();
  });

  test('a loss and a return are each logged once', async () => {
    const own = new MemoryLog();
    let up = false;
    const health = new HealthMonitor({
      checks: [{ name: 'store', check: () => (up ? Promise.resolve() : Promise.reject(new Error('lost'))) }],
      logger: own.logger,
      intervalMs: 10,
    });
    await health.start();
    await new Promise((resolve) => setTimeout(resolve, 60));
    up = true;
    await eventually(() => expect(health.status).toBe('SERVING'));
    await health.stop();
    expect(own.entries().map((entry) => entry.message)).toEqual([
      'dependency is lost',
      'dependency is back',
      'health changed',
      'health changed',
    ]);
  });

  test('one that is added counts like the others', async () => {
    const health = monitor(() => Promise.resolve());
    let isLost = true;
    health.add({
      name: 'y',
      check: () => {
        if (isLost) throw new Error('lost');
      },
    });
    await health.start();
    expect([health.status, health.failing()]).toEqual(['NOT_SERVING', ['y']]);
    isLost = false;
    await eventually(() => expect(health.status).toBe('SERVING'));
    await health.stop();
  });

  test('after a stop nothing brings it back', async () => {
    const health = monitor(() => Promise.resolve());
    await health.start();
    expect(health.status).toBe('SERVING');
    await health.stop();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(health.status).toBe('NOT_SERVING');
  });
});
