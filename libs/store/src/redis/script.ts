import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type RedisClient = Redis | Cluster;
type Argument = string | Buffer | number;

/**
 * A Lua script, sent by its hash and in full where the server does not have it (a restart, a failover, a new node). It is
 * read from a file beside the running code, which the build copies there; a fixed number of keys ends its name.
 */
export class Script {
  readonly #lua: string;
  readonly #sha: string;

  constructor(name: string) {
    this.#lua = readFileSync(join(__dirname, `${name}.lua`), 'utf8');
    this.#sha = createHash('sha1').update(this.#lua).digest('hex');
  }

  /** The script's result, with every text in it as a Buffer. */
  async run(client: RedisClient, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await client.callBuffer('EVALSHA', [this.#sha, ...rest]);
    } catch (error) {
      // nothing has run: the server refuses an unknown hash before anything else
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return client.callBuffer('EVAL', [this.#lua, ...rest]);
    }
  }
}

/** What a script of ours answers with: a flat list of texts. */
export function texts(result: unknown): Buffer[] {
  if (!Array.isArray(result) || !result.every((each) => Buffer.isBuffer(each)))
    throw new TypeError('a script of the store answered with something else than texts');
  return result;
}
