import { Redis } from 'ioredis';

/** The part of a Redis that belongs to one deployment. */
export class RedisPart {
  /** @param name sets its keys apart */
  constructor(
    private readonly redis: string,
    private readonly name: string,
  ) {}

  /** For `openStore`: of one service. */
  url(service: string): string {
    return `${this.redis}${this.redis.includes('?') ? '&' : '?'}prefix=${this.name}-${service}:`;
  }

  /** Leaves nothing behind. */
  async remove(): Promise<void> {
    const client = new Redis(this.redis.replace(/\?.*$/, ''));
    try {
      for await (const keys of client.scanStream({ match: `${this.name}-*`, count: 1000 }) as AsyncIterable<string[]>)
        if (keys.length > 0) await client.unlink(...keys);
    } finally {
      client.disconnect();
    }
  }
}
