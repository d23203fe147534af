import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedProcess } from './managed-process';
import { OtlpCollector } from './otlp-collector';
import { encodeExport } from './testing/encode-export';

jest.setTimeout(60_000);

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

  const json = { 'content-type': 'application/json' };
  const body = encodeExport([], 's', 1);
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
