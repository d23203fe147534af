import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stepOfSpan, type CollectedStep } from './flow-steps';
import { OtlpError, parseExport, type CollectedSpan } from './otlp';

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

/** Collects the spans of processes that run with its URL in OTEL_EXPORTER_OTLP_ENDPOINT. */
export class OtlpCollector {
  readonly #server: Server;
  readonly #spans: CollectedSpan[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #refused: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#receive(request).then(
        () => answer(response, 200, {}),
        (error: unknown) => this.#refuse(error, response),
      );
    });
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    return collector;
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
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
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => {
        clearTimeout(timer);
        stop();
        if (error === undefined) resolve();
        else reject(error);
      };
      const timer = setTimeout(() => end(new Error(`${what} did not come within ${timeoutMs} ms`)), timeoutMs);
      const stop = this.onSpan(() => condition() && end());
    });
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #receive(request: IncomingMessage): Promise<void> {
    checkHead(request);
    for (const span of parseExport(await bodyOf(request))) {
      this.#spans.push(span);
      for (const listener of this.#listeners) listener(span);
    }
  }

  #refuse(error: unknown, response: ServerResponse): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#refused.push(message);
    const status = error instanceof Refusal ? error.status : error instanceof OtlpError ? 400 : 500;
    answer(response, status, { message });
  }
}
