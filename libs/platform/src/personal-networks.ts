import { type EntityName, parseEntityUri } from '@cpns/core';
import { type Aggregate, allMembers, at, defineRecord, jsonField, Records, Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';

/** @param pnId of a Personal Network of this trust domain */
export const pnAggregate = (pnId: string): Aggregate => ({ kind: 'pn', id: pnId });

/** E of each gateway that is told what concerns the PN. */
export const PN_GATEWAYS = defineRecord('gateways', { entities: jsonField<readonly string[]>() });
const wanted = { gateways: at(PN_GATEWAYS) };

/** Where they were before the record was made. */
const GATEWAYS_SET = 'gateways';

/** Which gateways a Personal Network has. Whether one may still act says its own record. */
@Injectable()
export class PersonalNetworks {
  constructor(
    private readonly records: Records,
    private readonly store: Store,
  ) {}

  /**
   * Makes a gateway known in its Personal Network. A record that was taken out of the store is not missed by anything but
   * the gateways that were in it, so that each is added again when it comes.
   * @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE
   */
  async add({ pnId, uri }: EntityName): Promise<void> {
    const before = await this.gatewaysOf(pnId);
    if (before.includes(uri)) return;
    await this.records.transact(pnAggregate(pnId), wanted, ({ gateways }) => {
      const { entities } = gateways ?? { entities: before };
      if (entities.includes(uri)) return { result: undefined };
      return { result: undefined, put: { gateways: { entities: [...entities, uri] } } };
    });
  }

  /** E of each gateway that was ever added. @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async gatewaysOf(pnId: string): Promise<readonly string[]> {
    const { gateways } = await this.records.read(pnAggregate(pnId), wanted);
    if (gateways !== undefined) return gateways.entities;
    const before = await allMembers(this.store, pnAggregate(pnId), GATEWAYS_SET);
    return before.filter((gateway) => parseEntityUri(gateway).pnId === pnId);
  }
}
