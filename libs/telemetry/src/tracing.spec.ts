import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { unavailable } from '@cpns/core';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import {
  contextFrom,
  currentTraceparent,
  emitStep,
  formatTraceparent,
  parseTraceparent,
  startTelemetry,
  withSpan,
  withTraceparent,
} from '.';
import { MemoryLog, MemoryTelemetry } from './testing';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('traceparent', () => {
  const hex = (length: number) =>
    fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => /[1-9a-f]/.test(text));

  test('what is written reads the same', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.nat(255), (traceId, spanId, traceFlags) => {
        const text = formatTraceparent({ traceId, spanId, traceFlags });
        expect(text).toHaveLength(55);
        expect(parseTraceparent(text)).toEqual({ traceId, spanId, traceFlags, isRemote: true });
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['a trailing newline', `${PARENT}\n`],
    ['another version', PARENT.replace(/^00/, '01')],
    ['capital letters', PARENT.toUpperCase()],
    ['a trace of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['a span of zeros', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
    ['something longer', `${PARENT}-more`],
  ])('%s is none', (_what, text) => expect(parseTraceparent(text)).toBeUndefined());

  test('any text whatever starts afresh instead of failing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(trace.getSpanContext(contextFrom(text))).toBeUndefined();
      }),
    );
  });
});

describe('a process that records nothing', () => {
  test('carries a traceparent on all the same', async () => {
    const telemetry = startTelemetry({ service: 'quiet' });
    expect(telemetry.recording).toBe(false);
    const seen = await withTraceparent(PARENT, async () => {
      await Promise.resolve();
      return withSpan('inner', {}, () => Promise.resolve(currentTraceparent()));
    });
    expect(seen).toBe(PARENT);
    expect(currentTraceparent()).toBe('');
    await telemetry.shutdown();
  });
});

describe('spans', () => {
  test('continue the trace that a message named, and tell the outcome by reason', async () => {
    const telemetry = new MemoryTelemetry();
    const failure = unavailable('DEPENDENCY_UNAVAILABLE', 'redis://user:pass@host does not answer');
    await expect(withTraceparent(PARENT, () => withSpan('relay', {}, () => Promise.reject(failure)))).rejects.toBe(
      failure,
    );
    const [span] = await telemetry.spans();
    expect(span?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(span?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'DEPENDENCY_UNAVAILABLE' });
    expect(JSON.stringify([span?.attributes, span?.events])).not.toContain('redis');
    await telemetry.stop();
    expect(trace.getSpanContext(context.active())).toBeUndefined();
  });
});

describe('export', () => {
  const body = async (request: IncomingMessage): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  };

  async function collector(status: number) {
    const received: { path: string | undefined; type: string | undefined; body: string }[] = [];
    const server: Server = createServer((request, response) => {
      void body(request).then((text) => {
        received.push({ path: request.url, type: request.headers['content-type'], body: text });
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { received, endpoint: `http://127.0.0.1:${port}/`, close: () => server.close() };
  }

  test('each span goes to the collector as OTLP over HTTP in JSON as it ends', async () => {
    const { received, endpoint, close } = await collector(200);
    const telemetry = startTelemetry({ service: 'kmc', endpoint, pid: 4711 });
    for (const step of [1, 2, 3] as const)
      emitStep({ flow: 'EUK-SRV-S', step, from: 'a', to: 'b', carried: ['nonce'] });
    await telemetry.flush();
    expect(received).toHaveLength(3);
    expect(received[0]).toMatchObject({ path: '/v1/traces', type: 'application/json' });
    const { resourceSpans } = JSON.parse(received[0]!.body) as {
      resourceSpans: { resource: { attributes: unknown[] }; scopeSpans: { spans: { attributes: unknown[] }[] }[] }[];
    };
    expect(resourceSpans[0]?.resource.attributes).toEqual(
      expect.arrayContaining([
        { key: 'service.name', value: { stringValue: 'kmc' } },
        { key: 'process.pid', value: { intValue: 4711 } },
      ]),
    );
    expect(resourceSpans[0]?.scopeSpans[0]?.spans[0]?.attributes).toContainEqual({
      key: 'cpns.flow',
      value: { stringValue: 'EUK-SRV-S' },
    });
    await telemetry.shutdown();
    close();
  });

  test('a burst loses none', async () => {
    const { received, endpoint, close } = await collector(200);
    const telemetry = startTelemetry({ service: 'kmc', endpoint });
    for (let count = 0; count < 300; count += 1)
      emitStep({ flow: 'EUK-SRV-S', step: 1, from: 'a', to: 'b', carried: [] });
    await telemetry.flush();
    expect(received).toHaveLength(300);
    await telemetry.shutdown();
    close();
  }, 20_000);

  test('a collector that refuses is logged and nothing else happens', async () => {
    const { endpoint, close } = await collector(400);
    const log = new MemoryLog();
    const telemetry = startTelemetry({ service: 'kmc', endpoint, logger: log.logger });
    emitStep({ flow: 'EUK-SRV-S', step: 1, from: 'a', to: 'b', carried: [] });
    await telemetry.flush();
    expect(log.entries().map((entry) => entry.message)).toContain('spans could not be delivered');
    await telemetry.shutdown();
    close();
  });
});
