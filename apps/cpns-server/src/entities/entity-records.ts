import { permissionDenied, unauthenticated, type EntityName } from '@cpns/core';
import {
  at,
  listPage,
  Records,
  Store,
  type Aggregate,
  type Decision,
  type Found,
  type PageRequest,
  type Snapshot,
  type Wanted,
  type WantedRecords,
} from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { RecentRecords } from '../recent-records/recent-records';
import { TOKEN_ENTITY } from './records';

const KIND = 'entity';
const entityAggregate = ({ uri }: EntityName): Aggregate => ({ kind: KIND, id: uri });
const tokenAggregate = (tokenId: string): Aggregate => ({ kind: 'token', id: tokenId });

export const unknownToken = () => unauthenticated('TOKEN_UNKNOWN', 'no such token: ask for a new admission');

/** The records of one entity, for the functions that decide on them. Errors are those of {@link Records}. */
@Injectable()
export class EntityRecords {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly recent: RecentRecords,
  ) {}

  read<W extends Wanted>(entity: EntityName, wanted: W): Promise<Found<W>> {
    return this.records.read(entityAggregate(entity), wanted);
  }

  /** As {@link RecentRecords.read}. */
  readRecent<W extends WantedRecords>(entity: EntityName, wanted: W): Promise<Found<W>> {
    return this.recent.read(entityAggregate(entity), wanted);
  }

  snapshot<W extends Wanted>(entity: EntityName, wanted: W): Promise<Snapshot<W>> {
    return this.records.snapshot(entityAggregate(entity), wanted);
  }

  transact<W extends Wanted, R>(
    entity: EntityName,
    wanted: W,
    decide: (found: Found<W>) => Decision<W, R>,
    seen?: Snapshot<W>,
  ): Promise<R> {
    return this.records.transact(entityAggregate(entity), wanted, decide, seen);
  }

  /** E of entities, as a caller pages through them. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  list(request: PageRequest) {
    return listPage(this.store, KIND, request);
  }

  /** Of a token that the entity does not have. @throws CpnsError TOKEN_OTHER_ENTITY, TOKEN_UNKNOWN */
  async refuseToken(tokenId: string): Promise<never> {
    const { owner } = await this.records.read(tokenAggregate(tokenId), { owner: at(TOKEN_ENTITY) });
    throw owner === undefined
      ? unknownToken()
      : permissionDenied('TOKEN_OTHER_ENTITY', 'the token admits another entity');
  }

  addToken(tokenId: string, { uri }: EntityName): Promise<void> {
    return this.records.transact(tokenAggregate(tokenId), { owner: at(TOKEN_ENTITY) }, () => ({
      result: undefined,
      put: { owner: { entity: uri } },
    }));
  }
}
