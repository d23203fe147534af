import { inChunks, parseEntityUri } from '@cpns/core';
import { at, byName, idsOf, Store, type Aggregate } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LookupIndex, type IndexEntry } from '../gateways/network-index';
import { ADMISSION, admissionName, ENTITY_HEAD, ENTITY_KIND, EntityRecords, KEY } from './records';

/** Entities that are looked at at a time: each is an aggregate of its own. */
const AT_ONCE = 64;

/** E of each entity that was admitted for a CPNS User, or had a key imported for one. It is added before that. */
@Injectable()
export class UserIndex extends LookupIndex {
  constructor(
    store: Store,
    private readonly entities: EntityRecords,
  ) {
    super(store, 'entities');
  }

  protected override aggregateOf(user: string): Aggregate {
    return { kind: 'user', id: user };
  }

  protected override async *entries(): AsyncGenerator<readonly IndexEntry[]> {
    for await (const page of idsOf(this.store, ENTITY_KIND))
      for (const some of inChunks(page, AT_ONCE))
        yield (await Promise.all(some.map((entity) => this.usersOf(entity)))).flat();
  }

  private async usersOf(entity: string): Promise<IndexEntry[]> {
    const name = parseEntityUri(entity);
    const { head, key } = await this.entities.readRecent(name, { head: at(ENTITY_HEAD), key: at(KEY) });
    key?.secret.destroy();
    const wanted = byName(head?.tokenIds ?? [], (id) => id, (id) => at(ADMISSION, admissionName(id))); // prettier-ignore
    const admissions = Object.values(await this.entities.readRecent(name, wanted));
    const users = new Set([key?.user ?? '', ...admissions.map((admission) => admission?.user ?? '')]);
    return [...users].filter((user) => user !== '').map((user) => ({ key: user, member: entity }));
  }
}
