import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedProcess } from './managed-process';
import { OtlpCollector } from './otlp-collector';
import { encodeExport } from './testing/encode-export';

jest.setTimeout(60_000);

const json = { 'content-type': 'application/json' };
const body = encodeExport([], 's', 1);
const post = (url: string, content: string) =>
  fetch(`${url}/v1/traces`, { method: 'POST', headers: json, body: content });

describe('OtlpCollector', () => {
  let collector: OtlpCollector;
  beforeEach(async () => {
    collector = await OtlpCollector.start();
  });
  afterEach(() => collector.stop());

  describe('with the exporter of the services', () => {
    // in a process of its own, as services are: the exporter loads its transport in a way that Jest does not follow
    const directory = mkdtempSync(join(tmpdir(), 'cpns-collector-'));
    afterAll(() => rmSync(directory, { recursive: true, force: true }));

    async function run(code: string): Promise<void> {
      const main = join(directory, 'emit.cjs');
      const telemetry = join(__dirname, '..', '..', '..', 'libs', 'telemetry', 'dist', 'index.js');
      writeFileSync(
        main,
        `const { startTelemetry, emitStep, withSpan, withStepChain } = require(${JSON.stringify(telemetry)});
         const telemetry = startTelemetry({ service: 'kmc', endpoint: process.env.ENDPOINT });
         (async () => { ${code} })().finally(() => telemetry.shutdown());`,
      );
      const env = { ENDPOINT: collector.url };
      emitter = await ManagedProcess.start({ name: 'emitter', main, env, logFile: join(directory, 'log') });
      if ((await emitter.exited).code !== 0) throw emitter.failure('failed');
    }
    let emitter: ManagedProcess;

    it('keeps spans with service, process, parent and links', async () => {
      const [entity, gateway] = ['cpns://pn1.td/pne/p', 'cpns://pn1.td/pn-gw/g'];
      await run(`await withSpan('call', {}, () => withStepChain('', async () => {
        emitStep({ flow: 'EUK-GW-S', step: 4, from: '${entity}', to: '${gateway}', carried: ['nonce', 'mac'] });
        emitStep({ flow: 'EUK-GW-S', step: 5, from: '${gateway}', to: '${gateway}', carried: ['second_seed'] });
      }));`);
      const call = collector.spans.find(({ name }) => name === 'call');
      const [fourth, fifth] = collector.steps().sort((a, b) => a.step - b.step);
      expect(collector.spans).toHaveLength(3);
      expect(fourth).toMatchObject({ flow: 'EUK-GW-S', step: 4, from: entity, to: gateway, carried: ['nonce', 'mac'] });
      expect(fourth?.span).toMatchObject({ service: 'kmc', pid: emitter.pid, parentSpanId: call?.spanId, links: [] });
      expect(fifth?.span.links).toEqual([{ traceId: fourth?.span.traceId, spanId: fourth?.span.spanId }]);
      expect(collector.refused).toEqual([]);
    });

    it('tells of each span, and waits for what is wanted', async () => {
      const names: string[] = [];
      const stop = collector.onSpan(({ name }) => names.push(name));
      const seen = collector.waitFor(() => names.includes('second'), 20_000);
      await run(`await withSpan('first', {}, async () => {}); await withSpan('second', {}, async () => {});`);
      await seen;
      stop();
      await run(`await withSpan('third', {}, async () => {});`);
      expect(names.sort()).toEqual(['first', 'second']);
      expect(collector.spans.map(({ name }) => name).sort()).toEqual(['first', 'second', 'third']);
    });
  });

  it('says so when nothing comes', async () => {
    await expect(collector.waitFor(() => false, 20, 'step 3')).rejects.toThrow('step 3 did not come within 20 ms');
  });

  it.each([
    ['another path', '/v1/logs', { method: 'POST', headers: json, body }, 404],
    ['another method', '/v1/traces', { method: 'PUT', headers: json, body }, 405],
    ['protobuf', '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/x-protobuf' }, body }, 415],
    ['compression', '/v1/traces', { method: 'POST', headers: { ...json, 'content-encoding': 'gzip' }, body }, 415],
    ['what is no export', '/v1/traces', { method: 'POST', headers: json, body: '[1]' }, 400],
  ])('refuses %s, and remembers', async (_, path, init, status) => {
    expect((await fetch(collector.url + path, init)).status).toBe(status);
    expect(collector.refused).toHaveLength(1);
    expect((await fetch(`${collector.url}/v1/traces`, { method: 'POST', headers: json, body })).status).toBe(200);
  });

  it('refuses a body without end', async () => {
    const endless = 'x'.repeat(17 * 1024 * 1024);
    // the connection may be closed while the rest is still being sent: what the collector says counts
    await fetch(`${collector.url}/v1/traces`, { method: 'POST', headers: json, body: endless }).catch(() => undefined);
    expect(collector.refused).toEqual(['more than 16777216 bytes']);
  });
});

// docker-compose.yml runs it beside the services
describe('OtlpCollector.follow, of the collector of the development deployment', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpns-traces-'));
  const logFile = join(directory, 'log');
  let traces: ManagedProcess;
  let endpoint: string;
  beforeAll(async () => {
    const main = join(__dirname, '..', '..', '..', 'deploy', 'compose', 'traces.mjs');
    traces = await ManagedProcess.start({ name: 'traces', main, args: ['127.0.0.1:0'], env: {}, logFile });
    const said = /taken at (http:\S+)\/v1\/traces/;
    for (let tries = 0; tries < 500 && !(existsSync(logFile) && said.test(readFileSync(logFile, 'utf8'))); tries++)
      await sleep(20);
    endpoint = said.exec(readFileSync(logFile, 'utf8'))?.[1] ?? '';
  });
  afterAll(async () => {
    await traces.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const step = (spanId: string) => ({
    traceId: 'a'.repeat(32),
    spanId,
    name: 'GK-PUSH step 1',
    parentSpanId: '',
    links: [],
    attributes: {
      'cpns.flow': 'GK-PUSH',
      'cpns.step': 1,
      'cpns.from': 'cpns://pn1.td/pn-gw/g',
      'cpns.to': 'cpns://pn1.td/pne/p',
      'cpns.carried': ['statement', 'envelope'],
    },
    startedAt: 1,
    endedAt: 2,
  });

  it('gets the spans that come from then on, as every follower does, and they are printed', async () => {
    expect((await post(endpoint, encodeExport([step('1'.repeat(16))], 'pn-gw', 7))).status).toBe(200);
    const followers = await Promise.all([OtlpCollector.follow(endpoint), OtlpCollector.follow(`${endpoint}/`)]);
    // with white space in it, which is no end of a line
    const spaced = JSON.stringify(JSON.parse(encodeExport([step('2'.repeat(16))], 'pne', 8)), null, 2);
    expect((await post(endpoint, spaced)).status).toBe(200);
    for (const follower of followers) {
      await follower.waitFor(() => follower.spans.length > 0, 10_000);
      expect(follower.steps()).toMatchObject([{ flow: 'GK-PUSH', step: 1, carried: ['statement', 'envelope'] }]);
      expect(follower.spans).toMatchObject([{ service: 'pne', pid: 8, spanId: '2'.repeat(16) }]);
      await follower.stop();
      expect(follower.refused).toEqual([]);
    }
    const line = 'GK-PUSH step 1  cpns://pn1.td/pn-gw/g -> cpns://pn1.td/pne/p  [statement envelope]';
    expect(
      readFileSync(logFile, 'utf8')
        .split('\n')
        .filter((each) => each === line),
    ).toHaveLength(2);
  });

  it.each([
    ['what is no JSON', '{', 400],
    ['a body without end', ' '.repeat(17 * 1024 * 1024), 413],
  ])('passes %s on to nobody', async (_, content, status) => {
    const follower = await OtlpCollector.follow(endpoint);
    expect((await post(endpoint, content)).status).toBe(status);
    expect((await post(endpoint, body)).status).toBe(200);
    expect((await fetch(`${endpoint}/v1/logs`)).status).toBe(404);
    await follower.stop();
    expect([follower.spans, follower.refused]).toEqual([[], []]);
  });

  it('says so where nobody is, and where nothing is passed on', async () => {
    await expect(OtlpCollector.follow('http://127.0.0.1:1')).rejects.toThrow('ECONNREFUSED');
    const collector = await OtlpCollector.start();
    await expect(OtlpCollector.follow(collector.url)).rejects.toThrow('it answered 405');
    await collector.stop();
  });

  it('remembers that the other one ended', async () => {
    const follower = await OtlpCollector.follow(endpoint);
    await traces.stop();
    for (let tries = 0; tries < 500 && follower.refused.length === 0; tries++) await sleep(20);
    expect(follower.refused).toEqual([`${endpoint} stopped passing spans on`]);
    await follower.stop();
  });
});
