/** What the CPNS Server keeps of one Personal Network: which gateways enrolled in it, so that it can be pushed to. */
import type { EntityName } from '@cpns/core';
import type { Aggregate, Store } from '@cpns/store';

/** @param pnId of a Personal Network of this trust domain */
export const pnAggregate = (pnId: string): Aggregate => ({ kind: 'pn', id: pnId });

/** The set of the E of its gateways. Whether one may still act says its own record. */
export const PN_GATEWAYS = 'gateways';

const PAGE = 500;

/** Makes a gateway known in its Personal Network. */
export async function addToPn(store: Store, gateway: EntityName): Promise<void> {
  const aggregate = pnAggregate(gateway.pnId);
  if (await store.isMember(aggregate, PN_GATEWAYS, gateway.uri)) return;
  await store.commit(aggregate, { addTo: [{ set: PN_GATEWAYS, member: gateway.uri }] });
}

/** E of each gateway that ever enrolled in a Personal Network. */
export async function* gatewaysOf(store: Store, pnId: string): AsyncGenerator<string> {
  let cursor: string | undefined;
  do {
    const page = await store.members(pnAggregate(pnId), PN_GATEWAYS, cursor, PAGE);
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}
