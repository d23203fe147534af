import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedProcess } from './managed-process';
import { parseExport, type CollectedSpan } from './otlp';
import { freePort } from './ports';
import { waitUntil } from './wait-until';
import { TRACES_PROGRAM } from './workspace';

/**
 * Collects the spans of processes that run with its URL in OTEL_EXPORTER_OTLP_ENDPOINT: what the collector of the
 * development deployment (deploy/compose/traces.mjs) passes on, which is an endless answer to `GET /v1/traces`, one line
 * for each export. Each span is also an event.
 */
export class OtlpCollector extends EventEmitter<{ span: [CollectedSpan] }> {
  /** In the order in which they came. */
  readonly spans: CollectedSpan[] = [];
  /** What came and could not be read; anything here means that spans are missing. */
  readonly refused: string[] = [];
  readonly #closed: Promise<void>;
  #isStopped = false;

  private constructor(
    /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
    readonly url: string,
    private readonly source: IncomingMessage,
    /** Of the collector that was started for this one. */
    readonly traces?: ManagedProcess,
  ) {
    super();
    let rest = '';
    source.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    });
    // a close follows every error
    source.on('error', () => undefined);
    this.#closed = new Promise((resolve) => source.on('close', resolve)).then(() => {
      if (!this.#isStopped) this.refused.push(`${url} stopped passing spans on`);
    });
  }

  /** Starts a collector on a free port of 127.0.0.1, and takes what it passes on. */
  static async start(): Promise<OtlpCollector> {
    const directory = mkdtempSync(join(tmpdir(), 'cpns-traces-'));
    const address = `127.0.0.1:${await freePort()}`;
    const traces = await ManagedProcess.start({
      name: 'traces',
      main: TRACES_PROGRAM,
      args: [address],
      env: {},
      logFile: join(directory, 'log'),
    });
    void traces.exited.then(() => rmSync(directory, { recursive: true, force: true }));
    await waitUntil('the collector of traces', () => traces.logTail().includes(address));
    return OtlpCollector.follow(`http://${address}`, traces);
  }

  /**
   * Takes what a collector that runs passes on from now on.
   * @param endpoint as in OTEL_EXPORTER_OTLP_ENDPOINT
   * @throws Error when it passes nothing on
   */
  static async follow(endpoint: string, traces?: ManagedProcess): Promise<OtlpCollector> {
    const request = get(`${endpoint.replace(/\/+$/, '')}/v1/traces`);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode === 200) return new OtlpCollector(endpoint, response, traces);
    request.destroy();
    throw new Error(`${endpoint} passes no spans on: it answered ${response.statusCode}`);
  }

  /** Resolves when everything has come that was passed on before. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.traces === undefined) this.source.destroy();
    else await this.traces.stop();
    await this.#closed;
  }

  #take(line: string): void {
    try {
      for (const span of parseExport(line)) {
        this.spans.push(span);
        this.emit('span', span);
      }
    } catch (error) {
      this.refused.push(String(error));
    }
  }
}
