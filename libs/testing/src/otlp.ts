/** OTLP/HTTP with JSON, as far as spans go (https://github.com/open-telemetry/opentelemetry-proto, trace/v1). */
import { z } from 'zod';

/** What an attribute may hold; a list keeps its order. */
export type AttributeValue = string | number | boolean | readonly AttributeValue[];

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

/** The body is not what OTLP says. */
export class OtlpError extends Error {
  override readonly name = 'OtlpError';
}

const list = <T extends z.ZodType>(of: T) => z.array(of).default([]);

const reference = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
});

const NANOSECONDS = 1_000_000n;

/** 64-bit numbers are text in protobuf's JSON, and some exporters write them as numbers. */
const milliseconds = z
  .union([z.string().regex(/^\d{1,20}$/), z.number().refine((value) => Number.isInteger(value) && value >= 0)])
  // a double holds the milliseconds of today exactly, but not the nanoseconds
  .transform((value) => {
    const nanoseconds = BigInt(value);
    return Number(nanoseconds / NANOSECONDS) + Number(nanoseconds % NANOSECONDS) / Number(NANOSECONDS);
  });

const attributeValue: z.ZodType<AttributeValue> = z.lazy(() =>
  z.union(
    [
      z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
      z.object({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
      z.object({ intValue: z.coerce.number() }).transform(({ intValue }) => intValue),
      z.object({ doubleValue: z.coerce.number() }).transform(({ doubleValue }) => doubleValue),
      z
        .object({ arrayValue: z.object({ values: list(attributeValue) }) })
        .transform(({ arrayValue }) => arrayValue.values),
    ],
    { error: 'an attribute has no value' },
  ),
);

const attributes = list(z.object({ key: z.string(), value: attributeValue })).transform((all) =>
  Object.fromEntries(all.map(({ key, value }) => [key, value])),
);

const span = reference
  .extend({
    parentSpanId: z.union([z.literal(''), reference.shape.spanId]).default(''),
    name: z.string(),
    links: list(reference),
    attributes,
    startTimeUnixNano: milliseconds,
    endTimeUnixNano: milliseconds,
  })
  .transform(({ startTimeUnixNano: startedAt, endTimeUnixNano: endedAt, ...rest }) => ({
    ...rest,
    startedAt,
    endedAt,
  }));

const resourceSpans = z
  .object({
    resource: z.object({
      attributes: attributes.pipe(z.object({ 'service.name': z.string(), 'process.pid': z.number() })),
    }),
    scopeSpans: list(z.object({ spans: list(span) })),
  })
  .transform(({ resource, scopeSpans }) => {
    const { 'service.name': service, 'process.pid': pid } = resource.attributes;
    return scopeSpans.flatMap(({ spans }) => spans.map((one): CollectedSpan => ({ ...one, service, pid })));
  });

const exported = z.object({ resourceSpans: list(resourceSpans) });

/** The spans of an ExportTraceServiceRequest. @throws OtlpError */
export function parseExport(body: string): CollectedSpan[] {
  try {
    return exported.parse(JSON.parse(body)).resourceSpans.flat();
  } catch (cause) {
    const message = cause instanceof z.ZodError ? z.prettifyError(cause) : 'the body is not JSON';
    throw new OtlpError(message, { cause });
  }
}
