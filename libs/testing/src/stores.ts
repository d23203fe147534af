import { Redis } from 'ioredis';
import { join } from 'node:path';
import type { DeploymentOptions } from './deployment-options';
import { SERVER_SIDE } from './pki-files';

/** Where the services of one deployment keep their records. */
export class Stores {
  readonly #prefix: string;

  /** @param directory of the deployment; the end of its name sets its keys apart in a Redis */
  constructor(
    private readonly directory: string,
    private readonly store: DeploymentOptions['store'],
  ) {
    this.#prefix = directory.slice(directory.lastIndexOf('-') + 1);
  }

  /** For `openStore`; a gateway's is always embedded. */
  url(service: string): string {
    const isServerSide = (SERVER_SIDE as readonly string[]).includes(service);
    if (typeof this.store === 'object' && isServerSide) {
      const { redis } = this.store;
      return `${redis}${redis.includes('?') ? '&' : '?'}prefix=${this.#redisPrefix(service)}`;
    }
    return `embedded:${join(this.directory, service.replace('/', '-'), 'store')}`;
  }

  /** Leaves nothing behind in a Redis; what is embedded goes with the directory. */
  async remove(): Promise<void> {
    if (typeof this.store !== 'object') return;
    const client = new Redis(this.store.redis.replace(/\?.*$/, ''));
    try {
      for (const name of SERVER_SIDE) {
        const match = `${this.#redisPrefix(name)}*`;
        for await (const keys of client.scanStream({ match, count: 1000 }) as AsyncIterable<string[]>)
          if (keys.length > 0) await client.unlink(...keys);
      }
    } finally {
      client.disconnect();
    }
  }

  #redisPrefix(service: string): string {
    return `testbed-${this.#prefix}-${service}:`;
  }
}
