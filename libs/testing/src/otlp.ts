/** OTLP/HTTP with JSON, as far as spans go (https://github.com/open-telemetry/opentelemetry-proto, trace/v1). */
import { z } from 'zod';

/** What an attribute may hold; a list keeps its order. */
export type AttributeValue = Scalar | readonly Scalar[];
type Scalar = string | number | boolean;

export interface SpanReference {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** One span as a process emitted it. */
export interface CollectedSpan extends SpanReference {
  readonly name: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly links: readonly SpanReference[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Unix milliseconds, with fractions. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** service.name of the process. */
  readonly service: string;
  /** process.pid of the process. */
  readonly pid: number;
}

const reference = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
});

/** 64-bit numbers are text in protobuf's JSON. A double holds the microseconds of today exactly, but not the nanoseconds. */
const milliseconds = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform((nanoseconds) => Number(BigInt(nanoseconds) / 1_000n) / 1_000);

const scalar = z.union([
  z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.object({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
  z.object({ intValue: z.number() }).transform(({ intValue }) => intValue),
  z.object({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
]);
const list = z.object({ arrayValue: z.object({ values: z.array(scalar) }) });
const attributes = z
  .array(z.object({ key: z.string(), value: scalar.or(list.transform(({ arrayValue }) => arrayValue.values)) }))
  .transform((all): CollectedSpan['attributes'] => Object.fromEntries(all.map(({ key, value }) => [key, value])));

const span = reference
  .extend({
    parentSpanId: reference.shape.spanId.or(z.literal('')).default(''),
    name: z.string(),
    links: z.array(reference),
    attributes,
    startTimeUnixNano: milliseconds,
    endTimeUnixNano: milliseconds,
  })
  .transform(({ startTimeUnixNano: startedAt, endTimeUnixNano: endedAt, ...rest }) => ({
    ...rest,
    startedAt,
    endedAt,
  }));

const exported = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({
        attributes: attributes.pipe(z.object({ 'service.name': z.string(), 'process.pid': z.number() })),
      }),
      scopeSpans: z.array(z.object({ spans: z.array(span) })),
    }),
  ),
});

/** The spans of an ExportTraceServiceRequest. @throws SyntaxError, ZodError */
export const parseExport = (body: string): CollectedSpan[] =>
  exported.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const { 'service.name': service, 'process.pid': pid } = resource.attributes;
    return scopeSpans.flatMap(({ spans }) => spans.map((one) => ({ ...one, service, pid })));
  });
