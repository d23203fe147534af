/** OTLP/HTTP with JSON, as far as spans go (https://github.com/open-telemetry/opentelemetry-proto, trace/v1). */

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

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new OtlpError(`${what} is no object`);
  return value as Json;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new OtlpError(`${what} is no list`);
  return value as readonly unknown[];
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new OtlpError(`${what} is no text`);
  return value;
}

const ID = { traceId: /^[0-9a-f]{32}$/, spanId: /^[0-9a-f]{16}$/ } as const;

function id(value: unknown, of: keyof typeof ID): string {
  const found = text(value, of);
  if (!ID[of].test(found)) throw new OtlpError(`${of} is not of its form`);
  return found;
}

const NANOSECONDS = 1_000_000n;

/** 64-bit numbers are text in protobuf's JSON, and some exporters write them as numbers. */
function milliseconds(value: unknown, what: string): number {
  const text = typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : value;
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) throw new OtlpError(`${what} is no time`);
  // a double holds the milliseconds of today exactly, but not the nanoseconds
  const nanoseconds = BigInt(text);
  return Number(nanoseconds / NANOSECONDS) + Number(nanoseconds % NANOSECONDS) / Number(NANOSECONDS);
}

function attributeValue(value: unknown): AttributeValue {
  const { stringValue, intValue, doubleValue, boolValue, arrayValue } = object(value, 'attribute value');
  if (typeof stringValue === 'string' || typeof boolValue === 'boolean')
    return (stringValue ?? boolValue) as string | boolean;
  if (arrayValue !== undefined) return list(object(arrayValue, 'array').values, 'array').map(attributeValue);
  const number = Number(intValue ?? doubleValue);
  if (Number.isNaN(number)) throw new OtlpError('an attribute has no value');
  return number;
}

function attributes(value: unknown): Record<string, AttributeValue> {
  const entries = list(value, 'attributes').map((item) => {
    const { key, value: held } = object(item, 'attribute');
    return [text(key, 'attribute key'), attributeValue(held)] as const;
  });
  return Object.fromEntries(entries);
}

function span(value: unknown, service: string, pid: number): CollectedSpan {
  const fields = object(value, 'span');
  return {
    traceId: id(fields.traceId, 'traceId'),
    spanId: id(fields.spanId, 'spanId'),
    parentSpanId:
      fields.parentSpanId === undefined || fields.parentSpanId === '' ? '' : id(fields.parentSpanId, 'spanId'),
    name: text(fields.name, 'name'),
    links: list(fields.links, 'links').map((item) => {
      const link = object(item, 'link');
      return { traceId: id(link.traceId, 'traceId'), spanId: id(link.spanId, 'spanId') };
    }),
    attributes: attributes(fields.attributes),
    startedAt: milliseconds(fields.startTimeUnixNano, 'startTimeUnixNano'),
    endedAt: milliseconds(fields.endTimeUnixNano, 'endTimeUnixNano'),
    service,
    pid,
  };
}

function spansOfResource(value: unknown): CollectedSpan[] {
  const { resource, scopeSpans } = object(value, 'resourceSpans');
  const described = attributes(object(resource, 'resource').attributes);
  const service = described['service.name'];
  const pid = described['process.pid'];
  if (typeof service !== 'string' || typeof pid !== 'number')
    throw new OtlpError('the resource does not say service.name and process.pid');
  return list(scopeSpans, 'scopeSpans').flatMap((scope) =>
    list(object(scope, 'scopeSpans').spans, 'spans').map((item) => span(item, service, pid)),
  );
}

/** The spans of an ExportTraceServiceRequest. @throws OtlpError */
export function parseExport(body: string): CollectedSpan[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (cause) {
    throw new OtlpError('the body is not JSON', { cause });
  }
  return list(object(parsed, 'request').resourceSpans, 'resourceSpans').flatMap(spansOfResource);
}
