import type { Readable, Writable } from 'node:stream';
import { setImmediate as afterEvents } from 'node:timers/promises';

/**
 * Messages of a gRPC stream, pulled: at most the stream's own buffer is ever in memory. The listeners are attached at
 * once, so that a failure before the first read is neither lost nor thrown into the void.
 */
export class MessageReader {
  readonly #source: Readable;
  readonly #toError: (error: unknown) => unknown;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param toError turns the stream's failure into what the reader of the messages gets */
  constructor(source: Readable, toError: (error: unknown) => unknown) {
    this.#source = source;
    this.#toError = toError;
    const wake = () => this.#wake?.();
    source.on('readable', wake);
    source.on('end', () => {
      this.#ended = true;
      wake();
    });
    source.on('error', (error: unknown) => this.fail(error));
  }

  /** Ends the reading; messages that had come before are still read. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  async *messages(): AsyncGenerator<Buffer, void> {
    while (!this.#ended || this.#source.readableLength > 0) {
      const message = this.#source.read() as Buffer | null;
      if (message !== null) yield message;
      else if (this.#failure !== undefined) break;
      else if (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    // HTTP/2 ends a stream that is reset like one that is finished, and says which it was in the events that follow
    if (this.#failure === undefined) await afterEvents();
    if (this.#failure !== undefined) throw this.#toError(this.#failure.error);
  }
}

/**
 * Hands one message to the stream and waits until the transport took it. grpc-js forgets the callback of a write that
 * meets an ended call, therefore the signal is listened to as well.
 */
export function writeMessage(
  sink: Writable,
  message: unknown,
  signal: AbortSignal,
  endedBecause: () => Error,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = () => reject(endedBecause());
    if (signal.aborted) return refuse();
    signal.addEventListener('abort', refuse, { once: true });
    sink.write(message, (error) => {
      signal.removeEventListener('abort', refuse);
      if (error === null || error === undefined) resolve();
      else refuse();
    });
  });
}
