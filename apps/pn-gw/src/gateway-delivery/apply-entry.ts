import type { GatewayGroupKeyDelivery, OpenDeliveryChannelResponse } from '@cpns/contracts';
import { checkFirstSeedId, CpnsError, isRefusal } from '@cpns/core';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { AcceptPush } from '../cskmf/accept-push';
import { AssignedKeys, TokenGrants } from '../entity-user-key/assigned-keys';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { FirstSeeds } from '../provisioning/first-seeds';
import { GatewayCa } from '../provisioning/gateway-ca';
import { AdoptFirstSeed } from '../provisioning/manufactured-seeds';

/** What a PN GW does with each entry of its delivery log. Every effect is the same when an entry comes twice. */
@Injectable()
export class ApplyEntry {
  constructor(
    private readonly grants: TokenGrants,
    private readonly keys: AssignedKeys,
    private readonly seeds: FirstSeeds,
    private readonly ca: GatewayCa,
    private readonly adoptSeed: AdoptFirstSeed,
    private readonly pushes: AcceptPush,
    private readonly credentials: LiveCredentials,
    private readonly logger: Logger,
  ) {}

  /** @throws CpnsError a field's reason; an entry of a kind that this gateway does not know is MALFORMED_MESSAGE */
  async execute({ entry, traceparent }: OpenDeliveryChannelResponse): Promise<void> {
    switch (entry?.$case) {
      case 'tokenGrant':
        return this.grants.keep(entry.value);
      case 'tokenRevocation':
        return this.grants.revoke(entry.value);
      case 'firstSeedRevocation':
        return this.seeds.destroy(checkFirstSeedId(entry.value.firstSeedId, 'first_seed_id'));
      case 'firstSeedImport':
        return this.adoptSeed.execute(entry.value);
      case 'credential':
        await this.credentials.apply(entry.value);
        return this.keys.dropEnded(entry.value.entity);
      case 'assignerEnd':
        return this.credentials.applyAssignerEnd(entry.value);
      case 'groupKey':
        return this.push(entry.value, traceparent);
      case 'gatewayCa':
        return this.ca.confirm(entry.value);
      case 'keyRevocation':
      case 'superseded':
      case 'snapshotBegin':
      case 'snapshotEnd':
      case 'state':
      case undefined:
        throw new CpnsError('MALFORMED_MESSAGE', 'the delivery channel brought an entry of an unknown kind');
    }
  }

  /** One that can never be good must not keep what comes after it from the gateway: its members ask for the key. */
  private async push(message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    try {
      await this.pushes.execute(message, traceparent);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { groupId, version } = message.statement ?? {};
      this.logger.error('a pushed Group Key was refused', { groupId, version: String(version), error });
    }
  }
}
