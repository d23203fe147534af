import { context, diag, DiagLogLevel, trace, type Tracer } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import type { Logger } from './logger';
import { setRecording } from './recording';

/** Spans under way to the collector; over this the exporter would drop them. */
const CONCURRENT_EXPORTS = 1_024;
const EXPORT_TIMEOUT_MS = 5_000;

export interface TelemetryOptions {
  /** service.name */
  readonly service: string;
  /** Base URL of an OTLP/HTTP collector, without `/v1/traces`; nothing is recorded without it. */
  readonly endpoint?: string;
  /** process.pid; this process by default. */
  readonly pid?: number;
  /** Instead of OTLP; a test hands in its own. */
  readonly exporter?: SpanExporter;
  /** Told when spans cannot be delivered. */
  readonly logger?: Logger;
}

export abstract class Telemetry {
  /** False when spans go nowhere. */
  abstract readonly recording: boolean;
  /** Resolves when every ended span was handed to the collector, or could not be. */
  abstract flush(): Promise<void>;
  /** Flushes, then stops recording. */
  abstract shutdown(): Promise<void>;
}

const endpointUrl = (base: string) => `${base.replace(/\/+$/, '')}/v1/traces`;

const otlp = (endpoint: string): SpanExporter =>
  new OTLPTraceExporter({
    url: endpointUrl(endpoint),
    concurrencyLimit: CONCURRENT_EXPORTS,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });

function reportTo(logger: Logger): void {
  const warn = (message: string) => logger.warn('spans could not be delivered', { detail: message });
  const ignore = () => undefined;
  diag.setLogger(
    { error: warn, warn: ignore, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}

/**
 * Once per process. Contexts are always carried on, so that a traceparent passes through a process that records nothing
 * itself. A span is exported as it ends: with batches a killed process would take the last ones with it. Sampling is left
 * to the collector, because a device could otherwise switch a server's records off.
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const exporter = options.exporter ?? (options.endpoint === undefined ? undefined : otlp(options.endpoint));
  const stop = () => {
    setRecording(false);
    trace.disable();
    context.disable();
    diag.disable();
  };
  if (exporter === undefined) {
    return { recording: false, flush: () => Promise.resolve(), shutdown: () => Promise.resolve(stop()) };
  }
  if (options.logger !== undefined) reportTo(options.logger);
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.service, 'process.pid': options.pid ?? process.pid }),
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  trace.setGlobalTracerProvider(provider);
  setRecording(true);
  return {
    recording: true,
    flush: () => provider.forceFlush(),
    shutdown: async () => {
      await provider.shutdown();
      stop();
    },
  };
}

export const tracer = (): Tracer => trace.getTracer('cpns');
