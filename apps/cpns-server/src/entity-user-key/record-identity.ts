import { Clock, CpnsError, parseEntityUri } from '@cpns/core';
import { checkMayReplace } from '@cpns/entity-user-key';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import type { AdmissionRecord } from '../entities/records';
import { GatewayRecords } from '../gateways/gateway-records';
import { PersonalNetworks } from '../gateways/personal-networks';
import { IDENTITY } from '../gateways/records';

@Injectable()
export class RecordIdentity {
  constructor(
    private readonly gateways: GatewayRecords,
    private readonly networks: PersonalNetworks,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes an enrolled gateway known under its E. The admission was committed before, in another aggregate: a repetition
   * comes through here again, so that a crash in between is mended by it.
   * @throws CpnsError LIVE_KEY when the gateway has a younger identity
   */
  async execute(admission: AdmissionRecord): Promise<void> {
    const { entity, tokenId, admittedAt, certificateDigest, certificateKeyDigest, certificateNotAfter } = admission;
    if (certificateDigest === undefined || certificateKeyDigest === undefined || certificateNotAfter === undefined)
      throw new CpnsError('INTERNAL', 'an enrolled gateway has a certificate');
    // the index first: a crash in between leaves an entry that leads nowhere
    await this.networks.add(parseEntityUri(entity));
    await this.gateways.transact(entity, { identity: at(IDENTITY) }, ({ identity }) => {
      if (identity?.tokenId === tokenId) return { result: undefined };
      checkMayReplace(identity, admittedAt, this.clock.now());
      return {
        result: undefined,
        put: {
          identity: {
            entity,
            state: 'live' as const,
            tokenId,
            admittedAt,
            enrolledAt: this.clock.now(),
            certificateDigest,
            keyDigest: certificateKeyDigest,
            notAfter: certificateNotAfter,
          },
        },
      };
    });
  }
}
