/** The Entity-User Keys that envelopes are made with: S as it is now, in either form. */
import { failedPrecondition, parseEntityUri, type EntityName } from '@cpns/core';
import { at } from '@cpns/store';
import type { ServerContext } from '../context';
import { entityAggregate, KEY, type KeyRecord } from '../records/entity-records';

/** Entities that are looked at at a time: each is an aggregate of its own. */
const AT_ONCE = 64;

const isLive = ({ state, notAfter }: KeyRecord, now: number): boolean => state === 'live' && now < notAfter;

/** The live registered key of an entity, if it has one. */
export async function liveKeyOf(server: ServerContext, entity: EntityName): Promise<KeyRecord | undefined> {
  const { key } = await server.recent.read(entityAggregate(entity), { key: at(KEY) });
  return key !== undefined && isLive(key, server.clock.now()) ? key : undefined;
}

/** What {@link liveKeyOf} says of each, in order, a few at a time. */
export async function* liveKeysOf(
  server: ServerContext,
  entities: readonly string[],
): AsyncGenerator<{ readonly entity: string; readonly key: KeyRecord | undefined }> {
  for (let from = 0; from < entities.length; from += AT_ONCE) {
    const some = entities.slice(from, from + AT_ONCE);
    const keys = await Promise.all(some.map((entity) => liveKeyOf(server, parseEntityUri(entity))));
    for (const [index, entity] of some.entries()) yield { entity, key: keys[index] };
  }
}

/** @throws CpnsError MEMBER_WITHOUT_KEY, which names the first that has none */
export async function requireLiveKeys(server: ServerContext, entities: readonly string[]): Promise<void> {
  for await (const { entity, key } of liveKeysOf(server, entities)) {
    if (key === undefined) throw memberWithoutKey(entity);
    key.secret.destroy();
  }
}

export const memberWithoutKey = (entity: string) =>
  failedPrecondition('MEMBER_WITHOUT_KEY', 'a member has no live registered Entity-User Key: let it register first', {
    metadata: { entity },
  });
