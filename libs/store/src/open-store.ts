import { isAbsolute } from 'node:path';
import { CpnsError, systemClock, type Clock } from '@cpns/core';
import { EmbeddedStore } from './embedded/embedded-store';
import type { Store } from './port';
import { RedisStore } from './redis/redis-store';

export interface StoreOptions {
  /** Judges expiry; the system's clock unless said. */
  readonly clock?: Clock;
  /** Told of each failure that no caller learns of, for the log: of a connection to Redis, of a sweep. */
  readonly onError?: (error: Error) => void;
}

/**
 * Opens the store that a URL names:
 *
 * ```
 * embedded:/absolute/directory                                          LMDB in that directory
 * redis://[user:password@]host[:port][/database]                        one server; rediss:// with TLS
 * redis+sentinel://host[:port],host[:port]/master-name[/database]       the master that Sentinel names
 * redis+cluster://host[:port],host[:port]                               a cluster
 * ```
 *
 * Redis takes `?prefix=` (of every key, `cpns:` unless said), `?replicas=N` and `?replicas-within=ms` (a commit is
 * answered when N replicas have it). A Redis that is away is no error here: the store connects when it is back.
 * @throws CONFIGURATION_INVALID for another URL, in one sentence without the URL
 * @throws DEPENDENCY_UNAVAILABLE when an embedded store cannot be opened
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  const { clock = systemClock, ...rest } = options;
  if (url.startsWith('embedded:')) {
    const directory = url.slice('embedded:'.length);
    if (!isAbsolute(directory))
      throw new CpnsError(
        'CONFIGURATION_INVALID',
        'the URL of an embedded store is embedded: and an absolute directory',
      );
    return EmbeddedStore.open(directory, { clock, ...rest });
  }
  if (/^rediss?(\+|:)/.test(url)) return RedisStore.open(url, { clock, ...rest });
  throw new CpnsError('CONFIGURATION_INVALID', 'the URL of a store starts with embedded:, redis:// or rediss://');
}
