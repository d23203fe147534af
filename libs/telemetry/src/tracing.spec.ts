import { itHolds } from '@cpns/core/testing';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { unavailable } from '@cpns/core';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import {
  contextFrom,
  currentTraceparent,
  formatTraceparent,
  parseTraceparent,
  startTelemetry,
  withSpan,
  withTraceparent,
} from '.';
import { MemoryTelemetry, outcomeOf, spawnTypeScript } from './testing';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('traceparent', () => {
  const hex = (length: number) =>
    fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => /[1-9a-f]/.test(text));

  itHolds('what is written reads the same', [hex(32), hex(16), fc.nat(255)], (traceId, spanId, traceFlags) => {
    const text = formatTraceparent({ traceId, spanId, traceFlags });
    expect(text).toHaveLength(55);
    expect(parseTraceparent(text)).toEqual({ traceId, spanId, traceFlags, isRemote: true });
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

  itHolds('any text whatever starts afresh instead of failing', [fc.string()], (text) => {
    expect(trace.getSpanContext(contextFrom(text))).toBeUndefined();
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

  /** In a process of its own: the exporter loads its HTTP client in a way that Jest's sandbox does not know. */
  const emit = (endpoint: string, count: number) => {
    const child = spawnTypeScript(join(__dirname, 'testing', 'emit-steps.ts'), [endpoint, String(count)], {});
    return outcomeOf(child).then((outcome) => ({ ...outcome, pid: child.pid }));
  };

  test('each span goes to the collector as OTLP over HTTP in JSON as it ends', async () => {
    const { received, endpoint, close } = await collector(200);
    const { code, pid } = await emit(endpoint, 3);
    close();
    expect(code).toBe(0);
    expect(received).toHaveLength(3);
    expect(received[0]).toMatchObject({ path: '/v1/traces', type: 'application/json' });
    const { resourceSpans } = JSON.parse(received[0]!.body) as {
      resourceSpans: { resource: { attributes: unknown[] }; scopeSpans: { spans: { attributes: unknown[] }[] }[] }[];
    };
    expect(resourceSpans[0]?.resource.attributes).toEqual(
      expect.arrayContaining([
        { key: 'service.name', value: { stringValue: 'kmc' } },
        { key: 'process.pid', value: { intValue: pid } },
      ]),
    );
    expect(resourceSpans[0]?.scopeSpans[0]?.spans[0]?.attributes).toContainEqual({
      key: 'cpns.flow',
      value: { stringValue: 'EUK-SRV-S' },
    });
  }, 20_000);

  test('a burst loses none', async () => {
    const { received, endpoint, close } = await collector(200);
    const { code, stderr } = await emit(endpoint, 500);
    close();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(received).toHaveLength(500);
  }, 20_000);

  test.each(['refuses', 'is not there'])(
    'a collector that %s is logged and nothing else happens',
    async (what) => {
      const { endpoint, close } = await collector(400);
      if (what === 'is not there') close();
      const { code, stderr } = await emit(endpoint, 1);
      close();
      expect(code).toBe(0);
      expect(stderr).toContain('spans could not be delivered');
    },
    20_000,
  );
});
