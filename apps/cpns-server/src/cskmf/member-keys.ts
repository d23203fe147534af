/** The Entity-User Keys that envelopes are made with: S as it is now, in either form. */
import { Clock, failedPrecondition, parseEntityUri, type EntityName, inChunks } from '@cpns/core';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { EntityRecords } from '../entities/entity-records';
import { KEY, type KeyRecord } from '../entities/records';

/** Entities that are looked at at a time: each is an aggregate of its own. */
const AT_ONCE = 64;

const isLive = ({ state, notAfter }: KeyRecord, now: number): boolean => state === 'live' && now < notAfter;

@Injectable()
export class MemberKeys {
  constructor(
    private readonly entities: EntityRecords,
    private readonly clock: Clock,
  ) {}

  /** The live registered key of an entity, if it has one. */
  async liveKeyOf(entity: EntityName): Promise<KeyRecord | undefined> {
    const { key } = await this.entities.readRecent(entity, { key: at(KEY) });
    return key !== undefined && isLive(key, this.clock.now()) ? key : undefined;
  }

  /** What {@link liveKeyOf} says of each, in order, a few at a time. */
  async *liveKeysOf(
    entities: readonly string[],
  ): AsyncGenerator<{ readonly entity: string; readonly key: KeyRecord | undefined }> {
    for (const some of inChunks(entities, AT_ONCE)) {
      const keys = await Promise.all(some.map((entity) => this.liveKeyOf(parseEntityUri(entity))));
      for (const [index, entity] of some.entries()) yield { entity, key: keys[index] };
    }
  }

  /** @throws CpnsError MEMBER_WITHOUT_KEY, which names the first that has none */
  async requireLiveKeys(entities: readonly string[]): Promise<void> {
    for await (const { entity, key } of this.liveKeysOf(entities)) {
      if (key === undefined) throw memberWithoutKey(entity);
      key.secret.destroy();
    }
  }
}

export const memberWithoutKey = (entity: string) =>
  failedPrecondition('MEMBER_WITHOUT_KEY', 'a member has no live registered Entity-User Key: let it register first', {
    metadata: { entity },
  });
