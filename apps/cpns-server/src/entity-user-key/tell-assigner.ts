import { keyIdBytes } from '@cpns/key-derivation';
import { OwnIdentity } from '@cpns/platform';
import { Injectable } from '@nestjs/common';
import type { KeyRecord } from '../entities/records';
import { GatewayLog } from '../gateway-delivery/gateway-log';

@Injectable()
export class TellAssigner {
  constructor(
    private readonly own: OwnIdentity,
    private readonly log: GatewayLog,
  ) {}

  /** A gateway verifies proofs of the keys that it assigned, until it hears here that one has ended. */
  async execute(entity: string, ending: KeyRecord): Promise<void> {
    if (ending.assigner === this.own.uri || ending.form !== 'secret') return;
    await this.log.append(ending.assigner, `key-revoked.${ending.keyId}`, {
      $case: 'keyRevocation',
      value: { entity, keyId: keyIdBytes(ending.keyId) },
    });
  }
}
