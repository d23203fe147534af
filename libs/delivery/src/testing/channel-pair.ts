import type { ReceiverChannel, SenderChannel } from '../channel';

/** Messages in one direction, at most `capacity` of them under way: a writer beyond that waits for the reader. */
class Pipe<T> implements AsyncIterable<T> {
  readonly #queue: T[] = [];
  readonly #waiting: (() => void)[] = [];
  #end: { readonly error?: Error } | undefined;

  constructor(private readonly capacity: number) {}

  async write(message: T): Promise<void> {
    while (!this.#end && this.#queue.length >= this.capacity) await this.#change();
    if (this.#end) throw this.#end.error ?? new Error('the call has ended');
    this.#queue.push(message);
    this.#changed();
  }

  /** What was written before is still read, unless the pipe fails: then it is lost. */
  end(error?: Error): void {
    if (this.#end) return;
    this.#end = error ? { error } : {};
    if (error) this.#queue.length = 0;
    this.#changed();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) {
        this.#changed();
        yield message;
      } else if (this.#end) {
        if (this.#end.error) throw this.#end.error;
        return;
      } else {
        await this.#change();
      }
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    this.#waiting.splice(0).forEach((resolve) => resolve());
  }
}

export interface ChannelPair<Up, Down> {
  readonly sender: SenderChannel<Up, Down>;
  readonly receiver: ReceiverChannel<Down, Up> & { readonly end: () => void };
  /** The connection breaks: what is under way is lost, and both sides get the error. */
  readonly cut: (error?: Error) => void;
  /** What the server does when its handler is done: ends the call, with the error if there is one. */
  readonly finish: (error?: Error) => void;
}

/** A two-way call in memory, with back-pressure. */
export function channelPair<Up, Down>(capacity = 4): ChannelPair<Up, Down> {
  const [up, down] = [new Pipe<Up>(capacity), new Pipe<Down>(capacity)];
  const over = new AbortController();
  const cut = (error = new Error('the connection broke')) => {
    up.end(error);
    down.end(error);
    over.abort(error);
  };
  return {
    sender: { requests: up, write: (message) => down.write(message), signal: over.signal },
    receiver: {
      write: (message) => up.write(message),
      cancel: () => cut(new Error('the caller went away')),
      end: () => up.end(),
      [Symbol.asyncIterator]: () => down[Symbol.asyncIterator](),
    },
    cut,
    finish: (error) => {
      down.end(error);
      up.end(error ?? new Error('the call has ended'));
      over.abort(error ?? new Error('the call has ended'));
    },
  };
}
