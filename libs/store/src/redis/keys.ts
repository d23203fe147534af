/**
 * How the Redis store lays out its keys. Everything of an aggregate carries the hash tag `{kind/id}`; names contain no
 * braces, so the tag ends where it should and no two keys are one.
 *
 * ```
 * <prefix>{kind/id}i         sorted set: what the aggregate holds (commit.lua)
 * <prefix>{kind/id}r:name    string: a record
 * <prefix>{kind/id}s:set     sorted set of members, all scored 0: paging in byte order
 * <prefix>{kind/id}e:log     stream of entries, ids `<sequence>-0`
 * <prefix>{kind/id}l:log     hash {last, trimmed, trimmedId}; also the name of the channel for wake-ups
 * <prefix>{kind/id}d:log     hash: dedupe id to sequence
 * <prefix>{#kind}ids         sorted set of ids, all scored 0: the index of a kind
 * <prefix>{#kind}empty       sorted set of ids found empty, scored with the time of finding
 * ```
 */
import type { Aggregate } from '../port';

export class RedisKeys {
  constructor(private readonly prefix: string) {}

  #piece({ kind, id }: Aggregate, rest: string): string {
    return `${this.prefix}{${kind}/${id}}${rest}`;
  }

  inventory = (aggregate: Aggregate) => this.#piece(aggregate, 'i');
  record = (aggregate: Aggregate, name: string) => this.#piece(aggregate, `r:${name}`);
  set = (aggregate: Aggregate, set: string) => this.#piece(aggregate, `s:${set}`);
  stream = (aggregate: Aggregate, log: string) => this.#piece(aggregate, `e:${log}`);
  state = (aggregate: Aggregate, log: string) => this.#piece(aggregate, `l:${log}`);
  dedupe = (aggregate: Aggregate, log: string) => this.#piece(aggregate, `d:${log}`);
  /** Channels belong to no database: its number keeps two stores on one server apart. */
  channel = (database: number, aggregate: Aggregate, log: string) => `${database}:${this.state(aggregate, log)}`;
  ids = (kind: string) => `${this.prefix}{#${kind}}ids`;
  empty = (kind: string) => `${this.prefix}{#${kind}}empty`;

  /** Glob pattern of everything in this store; prefixes hold no glob characters. */
  get all(): string {
    return `${this.prefix}{*`;
  }

  /** A key of an aggregate taken apart; undefined for an index or for what is not of this store. */
  parse(key: string): (Aggregate & { type: string; name: string }) | undefined {
    const match = /^\{([a-z0-9-]+)\/([^{}]+)\}([irseld]):?([^{}]*)$/.exec(
      key.startsWith(this.prefix) ? key.slice(this.prefix.length) : '',
    );
    if (!match) return undefined;
    const [, kind = '', id = '', type = '', name = ''] = match;
    return { kind, id, type, name };
  }
}
