import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dump } from '@cpns/store/testing';
import { Deployment } from './deployment';
import { stepOfSpan } from './flow-steps';
import { isAlive } from './managed-process';
import { OtlpCollector } from './otlp-collector';
import { lookIntoStore } from './store-look';
import { waitUntil } from './wait-until';

jest.setTimeout(240_000);

const GATEWAY = 'pn1/gw1';

describe('Deployment', () => {
  let collector: OtlpCollector;
  let deployment: Deployment;
  beforeAll(async () => {
    collector = await OtlpCollector.start();
    deployment = await Deployment.start({
      gateways: [{ pn: 'pn1', id: 'gw1' }],
      traces: collector,
      env: { kmc: { CPNS_LOG_LEVEL: 'debug' } },
    });
  });
  afterAll(async () => {
    await deployment.stop();
    await collector.stop();
  });

  it('runs every service as a process of its own, healthy', async () => {
    expect([...deployment.services].sort()).toEqual(['cpns-server', 'kmc', GATEWAY, 'smf']);
    const pids = deployment.services.map((service) => deployment.pid(service));
    expect(new Set([...pids, process.pid]).size).toBe(5);
    for (const service of deployment.services) expect(await deployment.health(service)).toBe('SERVING');
  });

  it('keeps keys and one-time strings from others', () => {
    const { operator, issuingCa, services } = deployment.pki;
    const files = [operator.key, issuingCa.key, services.kmc.key, deployment.masterKeyFile(GATEWAY)];
    for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('passes variables on to the process that they are for', () => {
    expect(readFileSync(deployment.logFile('kmc'), 'utf8')).toContain('"level":"debug"');
    expect(readFileSync(deployment.logFile('smf'), 'utf8')).not.toContain('"level":"debug"');
  });

  it('takes a device to each stage, one process after another on one store', async () => {
    const entity = deployment.entity('pn1', 'pne', 'phone');
    const { device, result } = await deployment.device({
      entity,
      user: 'alice',
      form: 'key-pair',
      assigner: GATEWAY,
      gateway: GATEWAY,
      until: 'assigned',
    });
    expect(result).toMatchObject({ stage: 'assigned', entity, user: 'alice', assigner: deployment.uri(GATEWAY) });
    expect(new X509Certificate(result.chain ?? '').subjectAltName).toBe(`URI:${entity}?user=alice`);
    const proved = await device.run('proved');
    expect(proved.stage).toBe('live');
    expect((await deployment.operator.entityUserKeys.getEntityUserKey({ entity })).key?.keyId.toString('hex')).toBe(
      proved.keyId,
    );
    expect(new Set(device.pids).size).toBe(2);
    const steps = () => collector.spans.map(stepOfSpan).filter((step) => [step?.from, step?.to].includes(entity));
    const due = ['EUK-GW-P 4', 'EUK-GW-P 6', 'EUK-GW-VERIFY 1', 'EUK-GW-VERIFY 5'];
    await waitUntil('the steps', () => steps().length >= due.length);
    expect(new Set(steps().map((one) => `${one?.flow} ${one?.step}`))).toEqual(new Set(due));
  });

  it('says why a device failed', async () => {
    const entity = deployment.entity('pn1', 'pne', 'stranger');
    const { oneTimeString, tokenId } = await deployment.admit({
      entity,
      form: 'secret',
      assigner: 'server',
      gateway: GATEWAY,
    });
    await deployment.operator.revokeAdmission(entity, tokenId);
    await expect(deployment.device({ entity, gateway: GATEWAY, oneTimeString })).rejects.toThrow(/TOKEN_REVOKED/);
  });

  it('brings a killed service back on its ports and with its records', async () => {
    const { operator } = deployment;
    const entity = deployment.entity('pn1', 'pne', 'watch');
    await deployment.admit({ entity, form: 'secret', assigner: 'server', gateway: GATEWAY });
    const before = { pid: deployment.pid('cpns-server'), address: deployment.address('cpns-server', 'certificate') };
    await deployment.kill('cpns-server');
    expect(isAlive(before.pid)).toBe(false);
    await expect(deployment.health('cpns-server')).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    await deployment.restart('cpns-server');
    expect(deployment.pid('cpns-server')).not.toBe(before.pid);
    expect(deployment.address('cpns-server', 'certificate')).toBe(before.address);
    expect(await operator.admissions(entity)).toHaveLength(1);
  });

  it('lets its stores be looked into', async () => {
    const seen = await lookIntoStore(deployment.storeUrl(GATEWAY), dump);
    expect(Object.keys(seen)).toContain(`entity/${deployment.entity('pn1', 'pne', 'phone')}`);
  });

  it('knows no service of another name', () => {
    expect(() => deployment.pid('pn9/gw1')).toThrow('no service or gateway pn9/gw1');
  });

  it('fails at once, with the log, when a service does not start', async () => {
    const before = Date.now();
    const env = { smf: { CPNS_LISTEN: '127.0.0.1:0', CPNS_NO_SUCH_SETTING: '1' } };
    await expect(Deployment.start({ services: ['smf'], env })).rejects.toThrow(
      /smf did not become ready[^]*CPNS_NO_SUCH_SETTING/,
    );
    expect(Date.now() - before).toBeLessThan(60_000);
  });

  it('leaves neither processes nor files behind', async () => {
    const pids = deployment.services.map((service) => deployment.pid(service));
    await deployment.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(deployment.directory)).toBe(false);
  });
});
