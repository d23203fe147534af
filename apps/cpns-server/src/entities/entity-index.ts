import { parseEntityUri } from '@cpns/core';
import { idsOf, Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { NetworkIndex } from '../gateways/network-index';
import { ENTITY_KIND } from './records';

/** E of each entity of a Personal Network that was admitted, or had a key imported. It is added before that. */
@Injectable()
export class EntityIndex extends NetworkIndex {
  constructor(store: Store) {
    super(store, 'entities');
  }

  protected override async *all() {
    for await (const entities of idsOf(this.store, ENTITY_KIND))
      yield entities.map((member) => ({ member, pnId: parseEntityUri(member).pnId }));
  }
}
