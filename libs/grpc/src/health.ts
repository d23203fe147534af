import type { Logger } from '@cpns/telemetry';
import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { setTimeout as sleep } from 'node:timers/promises';

/** Something that a service cannot work without. */
export interface HealthCheck {
  readonly name: string;
  /** Throws, rejects, or hangs, when the dependency does not answer. */
  check(): Promise<void> | void;
}

export interface HealthMonitorOptions {
  readonly checks: readonly HealthCheck[];
  readonly logger: Logger;
  /** Pause between two rounds, milliseconds; 1,000 by default. */
  readonly intervalMs?: number;
  /** How long one check may take, milliseconds; 2,000 by default. */
  readonly timeoutMs?: number;
}

export type Serving = 'SERVING' | 'NOT_SERVING';

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 2_000;

/**
 * `grpc.health.v1` from what the service depends on. With the defaults a loss shows within interval + timeout = 3 s, and
 * so does a return. The empty service name and each service of the ports have one and the same status.
 */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #checks: HealthCheck[];
  readonly #implementation = new HealthImplementation();
  readonly #names = new Set(['']);
  readonly #stop = new AbortController();
  readonly #failing = new Map<string, unknown>();
  #status: Serving = 'NOT_SERVING';
  #loop: Promise<void> | undefined;

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    this.#checks = [...options.checks];
    this.#publish();
  }

  /** One that counts from the next round on. */
  add(check: HealthCheck): void {
    this.#checks.push(check);
  }

  get status(): Serving {
    return this.#status;
  }

  /** Names of the checks that failed in the last round. */
  failing(): string[] {
    return [...this.#failing.keys()];
  }

  /** Serves the status on a port, under the names of the port's services too. */
  addTo(server: Server, services: readonly string[]): void {
    for (const name of services) this.#names.add(name);
    this.#publish();
    this.#implementation.addToServer(server);
  }

  /** Resolves after the first round. */
  async start(): Promise<void> {
    await this.#round();
    this.#loop = this.#repeat();
  }

  /** NOT_SERVING at once and for good: the first thing of a stop, so that callers turn elsewhere. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#set('NOT_SERVING');
    await this.#loop;
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const aborted = await sleep(this.#options.intervalMs ?? INTERVAL_MS, false, { signal }).catch(() => true);
      if (!aborted) await this.#round();
    }
  }

  async #round(): Promise<void> {
    await Promise.all(this.#checks.map((check) => this.#run(check)));
    if (!this.#stop.signal.aborted) this.#set(this.#failing.size === 0 ? 'SERVING' : 'NOT_SERVING');
  }

  async #run(dependency: HealthCheck): Promise<void> {
    const { name } = dependency;
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
    const late = sleep(timeoutMs, undefined, { ref: false }).then(() => {
      throw new Error(`no answer in ${timeoutMs} ms`);
    });
    // it may come after the race, or without one
    late.catch(() => undefined);
    try {
      await Promise.race([dependency.check(), late]);
      if (this.#failing.delete(name)) this.#options.logger.info('dependency is back', { dependency: name });
    } catch (error) {
      if (!this.#failing.has(name)) this.#options.logger.warn('dependency is lost', { dependency: name, error });
      this.#failing.set(name, error);
    }
  }

  #set(status: Serving): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#options.logger.info('health changed', { status });
    this.#publish();
  }

  #publish(): void {
    for (const name of this.#names) this.#implementation.setStatus(name, this.#status);
  }
}
