import type { AttributeValue, CollectedSpan } from '../otlp';

function value(held: AttributeValue): unknown {
  if (typeof held === 'string') return { stringValue: held };
  if (typeof held === 'boolean') return { boolValue: held };
  if (typeof held === 'number') return Number.isSafeInteger(held) ? { intValue: String(held) } : { doubleValue: held };
  return { arrayValue: { values: held.map(value) } };
}

const attributes = (of: Readonly<Record<string, AttributeValue>>) =>
  Object.entries(of).map(([key, held]) => ({ key, value: value(held) }));

const nanoseconds = (milliseconds: number): string => (BigInt(milliseconds) * 1_000_000n).toString();

/** An ExportTraceServiceRequest in JSON, as an exporter of one process writes it. */
export const encodeExport = (
  spans: readonly Omit<CollectedSpan, 'service' | 'pid'>[],
  service: string,
  pid: number,
): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributes({ 'service.name': service, 'process.pid': pid }) },
        scopeSpans: [
          {
            scope: { name: 'cpns' },
            spans: spans.map((span) => ({
              traceId: span.traceId,
              spanId: span.spanId,
              ...(span.parentSpanId === '' ? {} : { parentSpanId: span.parentSpanId }),
              name: span.name,
              links: span.links,
              attributes: attributes(span.attributes),
              startTimeUnixNano: nanoseconds(span.startedAt),
              endTimeUnixNano: nanoseconds(span.endedAt),
            })),
          },
        ],
      },
    ],
  });
