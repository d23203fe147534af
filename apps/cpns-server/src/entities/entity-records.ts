import type { EntityName } from '@cpns/core';
import {
  at,
  listPage,
  Records,
  Store,
  type Aggregate,
  type Decision,
  type Found,
  type PageRequest,
  type Wanted,
} from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { RecentRecords } from '../recent-records/recent-records';
import { TOKEN_ENTITY } from './records';

const KIND = 'entity';
const entityAggregate = ({ uri }: EntityName): Aggregate => ({ kind: KIND, id: uri });
const tokenAggregate = (tokenId: string): Aggregate => ({ kind: 'token', id: tokenId });

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
  readRecent<W extends Wanted>(entity: EntityName, wanted: W): Promise<Found<W>> {
    return this.recent.read(entityAggregate(entity), wanted);
  }

  transact<W extends Wanted, R>(
    entity: EntityName,
    wanted: W,
    decide: (found: Found<W>) => Decision<W, R> | Promise<Decision<W, R>>,
  ): Promise<R> {
    return this.records.transact(entityAggregate(entity), wanted, decide);
  }

  /** E of entities, as a caller pages through them. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  list(request: PageRequest) {
    return listPage(this.store, KIND, request);
  }

  /** E of the entity that a token admits, or undefined for an unknown token. */
  async entityOfToken(tokenId: string): Promise<string | undefined> {
    return (await this.records.read(tokenAggregate(tokenId), { owner: at(TOKEN_ENTITY) })).owner?.entity;
  }

  addToken(tokenId: string, { uri }: EntityName): Promise<void> {
    return this.records.transact(tokenAggregate(tokenId), { owner: at(TOKEN_ENTITY) }, () => ({
      result: undefined,
      put: { owner: { entity: uri } },
    }));
  }
}
