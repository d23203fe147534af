import { Redis } from 'ioredis';

/** A Redis URL of `openStore` under a prefix of its own. */
export const redisUrlWithPrefix = (url: string, prefix: string): string =>
  `${url}${url.includes('?') ? '&' : '?'}prefix=${prefix}`;

/** Removes every key under a prefix: what a deployment wrote into a Redis that is not its own. */
export async function removeRedisKeys(url: string, prefix: string): Promise<void> {
  const client = new Redis(url.replace(/\?.*$/, ''));
  try {
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1000 }) as AsyncIterable<string[]>)
      if (keys.length > 0) await client.unlink(...keys);
  } finally {
    client.disconnect();
  }
}
