import { Redis } from 'ioredis';
import { basename, join } from 'node:path';
import type { DeploymentOptions } from './deployment-options';
import { SERVER_SIDE } from './pki-files';

/** Where the services of one deployment keep their records. */
export class Stores {
  /** Sets the keys of this deployment apart in a Redis. */
  readonly #prefix: string;

  /** @param directory of the deployment */
  constructor(
    private readonly directory: string,
    private readonly store: DeploymentOptions['store'],
  ) {
    this.#prefix = `${basename(directory)}-`;
  }

  /** For `openStore`; a gateway's is always embedded. */
  url(service: string): string {
    const isServerSide = (SERVER_SIDE as readonly string[]).includes(service);
    if (typeof this.store !== 'object' || !isServerSide)
      return `embedded:${join(this.directory, service.replace('/', '-'), 'store')}`;
    const { redis } = this.store;
    return `${redis}${redis.includes('?') ? '&' : '?'}prefix=${this.#prefix}${service}:`;
  }

  /** Leaves nothing behind in a Redis; what is embedded goes with the directory. */
  async remove(): Promise<void> {
    if (typeof this.store !== 'object') return;
    const client = new Redis(this.store.redis.replace(/\?.*$/, ''));
    try {
      for await (const keys of client.scanStream({ match: `${this.#prefix}*`, count: 1000 }) as AsyncIterable<string[]>)
        if (keys.length > 0) await client.unlink(...keys);
    } finally {
      client.disconnect();
    }
  }
}
