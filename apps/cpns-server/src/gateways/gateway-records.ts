import {
  at,
  listPage,
  Records,
  Store,
  type Decision,
  type Found,
  type PageRequest,
  type Snapshot,
  type Wanted,
  type WantedRecords,
} from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { RecentRecords } from '../recent-records/recent-records';
import { gatewayAggregate, GATEWAY_KIND, IDENTITY } from './records';

/** The records of one gateway by its E, for the functions that decide on them. Errors are those of {@link Records}. */
@Injectable()
export class GatewayRecords {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly recent: RecentRecords,
  ) {}

  read<W extends Wanted>(gateway: string, wanted: W): Promise<Found<W>> {
    return this.records.read(gatewayAggregate(gateway), wanted);
  }

  /** As {@link RecentRecords.read}. */
  readRecent<W extends WantedRecords>(gateway: string, wanted: W): Promise<Found<W>> {
    return this.recent.read(gatewayAggregate(gateway), wanted);
  }

  snapshot<W extends Wanted>(gateway: string, wanted: W): Promise<Snapshot<W>> {
    return this.records.snapshot(gatewayAggregate(gateway), wanted);
  }

  transact<W extends Wanted, R>(
    gateway: string,
    wanted: W,
    decide: (found: Found<W>) => Decision<W, R>,
    seen?: Snapshot<W>,
  ): Promise<R> {
    return this.records.transact(gatewayAggregate(gateway), wanted, decide, seen);
  }

  /** The identity that a gateway has. */
  async identityOf(gateway: string) {
    return (await this.read(gateway, { identity: at(IDENTITY) })).identity;
  }

  /** E of gateways, as a caller pages through them. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  list(request: PageRequest) {
    return listPage(this.store, GATEWAY_KIND, request);
  }
}
