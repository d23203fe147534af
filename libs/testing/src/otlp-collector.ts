import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stepOfSpan, type CollectedStep } from './flow-steps';
import { OtlpError, parseExport, type CollectedSpan } from './otlp';
import { waitUntil } from './wait-until';

const PATH = '/v1/traces';
/** Of one request, in bytes. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

type Listener = (span: CollectedSpan) => void;

/** An answer other than 200. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, `more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function checkHead({ method, url, headers }: IncomingMessage): void {
  if (url !== PATH) throw new Refusal(404, `traces go to ${PATH}`);
  if (method !== 'POST') throw new Refusal(405, 'traces are posted');
  if (headers['content-type']?.startsWith('application/json') !== true) throw new Refusal(415, 'send JSON');
  if (headers['content-encoding'] !== undefined) throw new Refusal(415, 'send it uncompressed');
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Where the exports come from. */
interface Source {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Collects the spans of processes that run with its URL in OTEL_EXPORTER_OTLP_ENDPOINT. */
export class OtlpCollector {
  readonly #spans: CollectedSpan[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #refused: string[] = [];
  readonly #source: Source;

  private constructor(source: Source) {
    this.#source = source;
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(): Promise<OtlpCollector> {
    const server = createServer((request, response) => void collector.#receive(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const collector = new OtlpCollector({
      url: `http://127.0.0.1:${port}`,
      stop: async () => {
        if (!server.listening) return;
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      },
    });
    return collector;
  }

  /**
   * Takes what another collector passes on from now on: an endless answer to `GET /v1/traces`, one line for each export.
   * @param endpoint as in OTEL_EXPORTER_OTLP_ENDPOINT
   * @throws Error when that one passes nothing on
   */
  static async follow(endpoint: string): Promise<OtlpCollector> {
    const request = get(`${endpoint.replace(/\/+$/, '')}${PATH}`);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) {
      request.destroy();
      throw new Error(`${endpoint} passes no spans on: it answered ${response.statusCode}`);
    }
    let stopped = false;
    const collector = new OtlpCollector({
      url: endpoint,
      stop: () => {
        stopped = true;
        request.destroy();
        return Promise.resolve();
      },
    });
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) collector.#tryTake(line);
    });
    // whatever ended it, a close follows
    response
      .on('error', () => undefined)
      .on('close', () => {
        if (!stopped) collector.#refused.push(`${endpoint} stopped passing spans on`);
      });
    return collector;
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    return this.#source.url;
  }

  /** In the order in which they came. */
  get spans(): readonly CollectedSpan[] {
    return this.#spans;
  }

  /** What was sent and could not be read; anything here means that spans are missing. */
  get refused(): readonly string[] {
    return this.#refused;
  }

  /** The flow steps among the spans, in the order in which they came. @throws RangeError for a step that no flow has */
  steps(): CollectedStep[] {
    return this.#spans.map(stepOfSpan).filter((step) => step !== undefined);
  }

  /** Calls for each span that comes from now on. @returns what ends it */
  onSpan(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves once a condition on the collected spans holds.
   * @throws Error after `timeoutMs`
   */
  async waitFor(condition: () => boolean, timeoutMs: number, what = 'the spans'): Promise<void> {
    await waitUntil(what, condition, { withinMs: timeoutMs });
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    await this.#source.stop();
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      checkHead(request);
      this.#take(await bodyOf(request));
      answer(response, 200, {});
    } catch (error) {
      const message = this.#refuse(error);
      answer(response, error instanceof Refusal ? error.status : error instanceof OtlpError ? 400 : 500, { message });
    }
  }

  #tryTake(body: string): void {
    try {
      this.#take(body);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #take(body: string): void {
    for (const span of parseExport(body)) {
      this.#spans.push(span);
      for (const listener of this.#listeners) listener(span);
    }
  }

  #refuse(error: unknown): string {
    const message = error instanceof Error ? error.message : String(error);
    this.#refused.push(message);
    return message;
  }
}
