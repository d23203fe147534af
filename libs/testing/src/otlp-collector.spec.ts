import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stepOfSpan } from './flow-steps';
import { ManagedProcess } from './managed-process';
import { OtlpCollector } from './otlp-collector';
import { waitUntil } from './wait-until';

jest.setTimeout(60_000);

const EMPTY = { resourceSpans: [] };

describe('OtlpCollector', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpns-collector-'));
  let collector: OtlpCollector;
  beforeEach(async () => {
    collector = await OtlpCollector.start();
  });
  afterEach(() => collector.stop());
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const send = async (body: string, path = '/v1/traces', method = 'POST') =>
    (await fetch(collector.url + path, { method, headers: { 'content-type': 'application/json' }, body })).status;

  /** Emits spans as services do: in a process of its own, since Jest does not follow how the exporter loads its transport. */
  async function emit(code: string): Promise<ManagedProcess> {
    const main = join(directory, 'emit.cjs');
    const telemetry = join(__dirname, '..', '..', '..', 'libs', 'telemetry', 'dist', 'index.js');
    writeFileSync(
      main,
      `const { startTelemetry, emitStep, withSpan, withStepChain } = require(${JSON.stringify(telemetry)});
       const telemetry = startTelemetry({ service: 'kmc', endpoint: process.env.ENDPOINT });
       (async () => { ${code} })().finally(() => telemetry.shutdown());`,
    );
    const env = { ENDPOINT: collector.url };
    const emitter = await ManagedProcess.start({ name: 'emitter', main, env, logFile: join(directory, 'log') });
    if ((await emitter.exited).code !== 0) throw emitter.failure('failed');
    return emitter;
  }
  const [entity, gateway] = ['cpns://pn1.td/pne/p', 'cpns://pn1.td/pn-gw/g'];
  const pushed = `emitStep({
    flow: 'GK-PUSH', step: 1, from: '${gateway}', to: '${entity}', carried: ['statement', 'envelope'] });`;

  it('keeps spans with service, process, parent, links and attributes of every kind', async () => {
    const attributes = { text: 't', flag: false, count: 3, share: 0.5 };
    const emitter =
      await emit(`await withSpan('call', ${JSON.stringify({ attributes })}, () => withStepChain('', async () => {
      emitStep({ flow: 'EUK-GW-S', step: 4, from: '${entity}', to: '${gateway}', carried: ['nonce', 'mac'] });
      emitStep({ flow: 'EUK-GW-S', step: 5, from: '${gateway}', to: '${gateway}', carried: ['second_seed'] });
    }));`);
    await collector.stop();
    const call = collector.spans.find(({ name }) => name === 'call');
    const [fourth, fifth] = collector.spans
      .map(stepOfSpan)
      .filter((step) => step !== undefined)
      .sort((a, b) => a.step - b.step);
    expect(collector.spans).toHaveLength(3);
    expect(call).toMatchObject({ attributes, parentSpanId: '' });
    expect(fourth).toMatchObject({ flow: 'EUK-GW-S', step: 4, from: entity, to: gateway, carried: ['nonce', 'mac'] });
    expect(fourth?.span).toMatchObject({ service: 'kmc', pid: emitter.pid, parentSpanId: call?.spanId, links: [] });
    expect(fifth?.span.links).toEqual([{ traceId: fourth?.span.traceId, spanId: fourth?.span.spanId }]);
    expect(collector.refused).toEqual([]);
  });

  it('gives the spans that come from then on to every follower, tells of each, and prints the steps', async () => {
    await emit(pushed);
    const followers = await Promise.all([
      OtlpCollector.follow(collector.url),
      OtlpCollector.follow(`${collector.url}/`),
    ]);
    const told = followers.map((follower) => {
      const names: string[] = [];
      follower.on('span', ({ name }) => names.push(name));
      return names;
    });
    // with white space in it, which is no end of a line
    expect(await send(JSON.stringify(EMPTY, null, 2))).toBe(200);
    const { pid } = await emit(pushed);
    for (const [index, follower] of followers.entries()) {
      await waitUntil('the span', () => follower.spans.length > 0);
      expect(follower.spans.map(stepOfSpan)).toMatchObject([{ flow: 'GK-PUSH', carried: ['statement', 'envelope'] }]);
      expect(follower.spans).toMatchObject([{ service: 'kmc', pid }]);
      expect(told[index]).toEqual(follower.spans.map(({ name }) => name));
      await follower.stop();
      expect(follower.refused).toEqual([]);
    }
    const line = `GK-PUSH step 1  ${gateway} -> ${entity}  [statement envelope]`;
    const log = readFileSync(collector.traces!.logFile, 'utf8').split('\n');
    expect(log.filter((each) => each === line)).toHaveLength(2);
  });

  it.each([
    ['what is no JSON', '{', 'POST', 400],
    ['protobuf', '\n\x05', 'POST', 400],
    ['a body without end', ' '.repeat(17 * 1024 * 1024), 'POST', 413],
    ['another method', '{}', 'PUT', 405],
  ])('is passed no %s on', async (_, body, method, status) => {
    expect(await send(body, undefined, method)).toBe(status);
    expect(await send(JSON.stringify(EMPTY))).toBe(200);
    expect(await send(body, '/v1/logs')).toBe(404);
    await collector.stop();
    expect([collector.spans, collector.refused]).toEqual([[], []]);
  });

  it('remembers what is no export', async () => {
    expect(await send('[1]')).toBe(200);
    await collector.stop();
    expect(collector.refused).toEqual([expect.stringContaining('expected object')]);
  });

  it('says so where nothing listens, and where nothing is passed on', async () => {
    await expect(OtlpCollector.follow('http://127.0.0.1:1')).rejects.toThrow('ECONNREFUSED');
    await expect(OtlpCollector.follow(`${collector.url}/other`)).rejects.toThrow('it answered 404');
  });

  it('remembers that the other one ended', async () => {
    const follower = await OtlpCollector.follow(collector.url);
    await collector.stop();
    await waitUntil('the end', () => follower.refused.length > 0);
    expect(follower.refused).toEqual([`${collector.url} stopped passing spans on`]);
    await follower.stop();
  });
});
