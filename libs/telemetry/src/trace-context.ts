import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';
import { CpnsError } from '@cpns/core';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** W3C Trace Context, 3.2: version 00; empty for a span that has no identity. */
export function formatTraceparent(span: SpanContext): string {
  if (!isSpanContextValid(span)) return '';
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

/** Undefined for anything but a version 00 traceparent: what came with a message is believed only as far as it parses. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(span) ? span : undefined;
}

/** Traceparent of the running code, or empty: what a call's metadata and a stored entry carry on. */
export function currentTraceparent(): string {
  const span = trace.getSpanContext(context.active());
  return span === undefined ? '' : formatTraceparent(span);
}

/** The context that a message or a stored entry continues; a text that does not parse starts afresh. */
export function contextFrom(traceparent: string): Context {
  const span = parseTraceparent(traceparent);
  return span === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, span);
}

/** A link to the span that a message or a stored entry names. */
export function linkTo(traceparent: string): Link | undefined {
  const span = parseTraceparent(traceparent);
  return span === undefined ? undefined : { context: span };
}

/** Runs `fn` as a continuation of what `traceparent` names. */
export const withTraceparent = <T>(traceparent: string, fn: () => T): T => context.with(contextFrom(traceparent), fn);

/** Ends a span with the outcome: a code and a reason, never a message that might quote a caller. */
export function endSpan(span: Span, error?: unknown): void {
  if (error !== undefined) {
    const reason = error instanceof CpnsError ? error.reason : 'INTERNAL';
    span.setAttribute('cpns.reason', reason);
    span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
  }
  span.end();
}

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly links?: Link[];
  /** Instead of the current context. */
  readonly parent?: Context;
}

/** Runs `fn` inside a span of its own, which ends when the promise does. */
export async function withSpan<T>(name: string, options: SpanOptions, fn: () => Promise<T>): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = trace.getTracer('cpns').startSpan(
    name,
    {
      kind: options.kind ?? SpanKind.INTERNAL,
      ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
      ...(options.links === undefined ? {} : { links: options.links }),
    },
    parent,
  );
  try {
    const result = await context.with(trace.setSpan(parent, span), fn);
    endSpan(span);
    return result;
  } catch (error) {
    endSpan(span, error);
    throw error;
  }
}
