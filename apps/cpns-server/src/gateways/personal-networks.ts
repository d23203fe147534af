/** What the CPNS Server keeps of one Personal Network: which gateways enrolled in it, so that it can be pushed to. */
import type { EntityName } from '@cpns/core';
import { Store, type Aggregate, pagesOf } from '@cpns/store';
import { Injectable } from '@nestjs/common';

/** @param pnId of a Personal Network of this trust domain */
const pnAggregate = (pnId: string): Aggregate => ({ kind: 'pn', id: pnId });

/** The set of the E of its gateways. Whether one may still act says its own record. */
const PN_GATEWAYS = 'gateways';

@Injectable()
export class PersonalNetworks {
  constructor(private readonly store: Store) {}

  /** Makes a gateway known in its Personal Network. */
  async add(gateway: EntityName): Promise<void> {
    const aggregate = pnAggregate(gateway.pnId);
    if (await this.store.isMember(aggregate, PN_GATEWAYS, gateway.uri)) return;
    await this.store.commit(aggregate, { addTo: [{ set: PN_GATEWAYS, member: gateway.uri }] });
  }

  /** E of each gateway that ever enrolled in a Personal Network. */
  async *gatewaysOf(pnId: string): AsyncGenerator<string> {
    for await (const page of pagesOf(this.store, pnAggregate(pnId), PN_GATEWAYS)) yield* page;
  }
}
