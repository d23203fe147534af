import { Clock, duration, type EntityName } from '@cpns/core';
import { at, defineRecord, jsonField } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { EntityRecords } from './records';

/** When an entity proved itself to the Server last, for operators; nothing is decided by it. */
export const LAST_SEEN = defineRecord('last-seen', {
  /** To the minute, Unix milliseconds. */
  at: jsonField<number>(),
  /** E of the gateway that relayed. */
  gateway: jsonField<string>(),
});

const MINUTE = duration(1, 'minute');
/** Entities whose last minute is remembered, so that nothing is read for the others' calls. */
const REMEMBERED_MAX = 10_000;

@Injectable()
export class LastSeen {
  readonly #minutes = new LRUCache<string, number>({ max: REMEMBERED_MAX });

  constructor(
    private readonly entities: EntityRecords,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Takes note of it, once a minute for each entity. To be awaited beside the call's own work; it never fails. */
  async note(entity: EntityName, gateway: string): Promise<void> {
    const minute = Math.floor(this.clock.now() / MINUTE) * MINUTE;
    if (this.#minutes.get(entity.uri) === minute) return;
    this.#minutes.set(entity.uri, minute);
    const wanted = { seen: at(LAST_SEEN) };
    await this.entities
      .transact(entity, wanted, ({ seen }) =>
        (seen?.at ?? 0) >= minute
          ? { result: undefined }
          : { result: undefined, put: { seen: { at: minute, gateway } } },
      )
      .catch((error: unknown) => {
        this.#minutes.delete(entity.uri);
        this.logger.warn('it was not noted that an entity was seen', { entity: entity.uri, error });
      });
  }

  /** Undefined for one that was never seen. */
  async of(entity: EntityName) {
    return (await this.entities.read(entity, { seen: at(LAST_SEEN) })).seen;
  }
}
