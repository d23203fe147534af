import type { RevokeFirstSeedRequest } from '@cpns/contracts';
import { CpnsError, checkFirstSeedId, parseEntityUri } from '@cpns/core';
import { at, expiring } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GatewayLog } from '../gateway-delivery/gateway-log';
import { GatewayRecords } from '../gateways/gateway-records';
import { FIRST_SEED, firstSeedName } from '../gateways/records';

/** Ends a 1st seed: nothing derived from it registers any more, and the gateway, which hears of it, destroys its own. */
@Injectable()
export class RevokeFirstSeed {
  constructor(
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async execute(request: RevokeFirstSeedRequest): Promise<void> {
    const gateway = parseEntityUri(request.gateway, 'gateway');
    const firstSeedId = checkFirstSeedId(request.firstSeedId, 'first_seed_id');
    const entry = this.log.sealedEntry(gateway.uri, `first-seed-revoked.${firstSeedId}`, {
      $case: 'firstSeedRevocation',
      value: { firstSeedId },
    });
    const wanted = { seed: at(FIRST_SEED, firstSeedName(firstSeedId)) };
    await this.gateways.transact(gateway.uri, wanted, ({ seed }) => {
      if (seed === undefined) throw new CpnsError('NOT_FOUND', 'the gateway has no such 1st seed');
      if (seed.revoked) return { result: undefined };
      const next = expiring({ ...seed, revoked: true }, seed.registerUntil);
      return { result: undefined, put: { seed: next }, append: [entry] };
    });
  }
}
