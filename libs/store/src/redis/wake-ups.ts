import { withoutCommand } from './connection';
import type { RedisClient } from './script';

/**
 * Wake-ups of the Redis store: one connection that subscribes, made with the first watch. After every reconnection all
 * channels are subscribed again and everybody is woken once, since messages of the meantime are lost.
 */
export class RedisWakeUps {
  readonly #make: () => RedisClient;
  readonly #listeners = new Map<string, Set<() => void>>();
  #client: RedisClient | undefined;
  #connecting: Promise<void> | undefined;

  /** @param make a client of its own that is not connected yet */
  constructor(
    make: () => RedisClient,
    private readonly onError: (error: Error) => void,
  ) {
    this.#make = make;
  }

  async listen(channel: string, wake: () => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const listener = () => wake();
    const listeners = this.#listeners.get(channel) ?? new Set();
    const first = listeners.size === 0;
    this.#listeners.set(channel, listeners.add(listener));
    signal.addEventListener('abort', () => this.#forget(channel, listeners, listener), { once: true });
    if (!this.#client) this.#connecting = this.#connect();
    await this.#connecting;
    if (first) await this.#subscribe([channel]);
  }

  /** Channels with listeners. */
  get size(): number {
    return this.#listeners.size;
  }

  close(): void {
    this.#listeners.clear();
    this.#client?.disconnect();
  }

  #connect(): Promise<void> {
    const client = this.#make();
    this.#client = client;
    client.on('message', (channel: string) => this.#wake(channel));
    client.on('ready', () => {
      const channels = [...this.#listeners.keys()];
      void this.#subscribe(channels).then(() => channels.forEach((channel) => this.#wake(channel)));
    });
    // after a first failure the client goes on trying, and `ready` comes then
    return client.connect().catch(this.#tell);
  }

  /** A failure means that the connection is gone: `ready` subscribes everything anew. */
  async #subscribe(channels: readonly string[]): Promise<void> {
    if (channels.length > 0) await this.#client?.subscribe(...channels).then(() => undefined, this.#tell);
  }

  readonly #tell = (error: unknown): void => {
    withoutCommand(error);
    this.onError(error instanceof Error ? error : new Error(String(error)));
  };

  #forget(channel: string, listeners: Set<() => void>, listener: () => void): void {
    listeners.delete(listener);
    if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
    this.#listeners.delete(channel);
    // a failure means that the connection is gone, and with it the subscription
    this.#client?.unsubscribe(channel).catch(this.#tell);
  }

  #wake(channel: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener();
  }
}
