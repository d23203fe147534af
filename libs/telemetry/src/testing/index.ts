import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { createLogger, startTelemetry, STEP_ATTRIBUTES, type Logger, type LogLevel, type Telemetry } from '..';

export * from './child';

/** A logger whose lines can be looked at. */
export class MemoryLog {
  readonly lines: string[] = [];
  readonly logger: Logger;

  constructor(service = 'test', level: LogLevel = 'trace') {
    this.logger = createLogger({ service, level, destination: { write: (line) => void this.lines.push(line) } });
  }

  entries(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  text(): string {
    return this.lines.join('');
  }
}

type Attribute = keyof typeof STEP_ATTRIBUTES;
export interface SeenStep extends Readonly<Record<Attribute, unknown>> {
  readonly traceId: string;
  readonly spanId: string;
  readonly links: readonly string[];
}

/** Telemetry whose spans stay in memory. One per test process at a time; stop it when done. */
export class MemoryTelemetry {
  readonly #exporter = new InMemorySpanExporter();
  readonly telemetry: Telemetry;

  constructor(service = 'test') {
    this.telemetry = startTelemetry({ service, exporter: this.#exporter });
  }

  /** For the tests of a file: empty before each of them, stopped after the last. */
  static forEachTest(): MemoryTelemetry {
    const telemetry = new MemoryTelemetry();
    beforeEach(() => telemetry.reset());
    afterAll(() => telemetry.stop());
    return telemetry;
  }

  async spans(): Promise<ReadableSpan[]> {
    await this.telemetry.flush();
    return this.#exporter.getFinishedSpans();
  }

  async steps(): Promise<SeenStep[]> {
    return (await this.spans())
      .filter((span) => STEP_ATTRIBUTES.flow in span.attributes)
      .map((span) => {
        const said = Object.entries(STEP_ATTRIBUTES).map(([name, key]) => [name, span.attributes[key]]);
        const { traceId, spanId } = span.spanContext();
        const links = span.links.map((link) => link.context.spanId);
        return { ...(Object.fromEntries(said) as Record<Attribute, unknown>), traceId, spanId, links };
      });
  }

  reset(): void {
    this.#exporter.reset();
  }

  stop(): Promise<void> {
    return this.telemetry.shutdown();
  }
}
