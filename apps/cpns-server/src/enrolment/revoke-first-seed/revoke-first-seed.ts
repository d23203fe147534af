import type { RevokeFirstSeedRequest } from '@cpns/contracts';
import { CpnsError, checkFirstSeedId, parseEntityUri } from '@cpns/core';
import { at, expiring } from '@cpns/store';
import type { ServerContext } from '../../context';
import { sealedEntry } from '../../cskmf/gateway-log';
import { FIRST_SEED, firstSeedName, gatewayAggregate } from '../../records/gateway-records';

/** Ends a 1st seed: nothing derived from it registers any more, and the gateway, which hears of it, destroys its own. */
export class RevokeFirstSeed {
  constructor(private readonly server: ServerContext) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async execute(request: RevokeFirstSeedRequest): Promise<void> {
    const gateway = parseEntityUri(request.gateway, 'gateway');
    const firstSeedId = checkFirstSeedId(request.firstSeedId, 'first_seed_id');
    const entry = sealedEntry(this.server, gateway.uri, `first-seed-revoked.${firstSeedId}`, {
      $case: 'firstSeedRevocation',
      value: { firstSeedId },
    });
    const wanted = { seed: at(FIRST_SEED, firstSeedName(firstSeedId)) };
    await this.server.records.transact(gatewayAggregate(gateway.uri), wanted, ({ seed }) => {
      if (seed === undefined) throw new CpnsError('NOT_FOUND', 'the gateway has no such 1st seed');
      if (seed.revoked) return { result: undefined };
      const next = expiring({ ...seed, revoked: true }, seed.registerUntil);
      return { result: undefined, put: { seed: next }, append: [entry] };
    });
  }
}
