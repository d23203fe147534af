import { Clock, failedPrecondition, type EntityName } from '@cpns/core';
import { checkLive } from '@cpns/entity-user-key';
import { OwnIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GatewayRecords, IDENTITY, isInForce } from '../gateways/records';
import { ENTITY_HEAD, EntityRecords, KEY, type KeyRecord } from './records';

export interface EntityStanding {
  readonly life: bigint;
  readonly key: KeyRecord | undefined;
  /** True while an operator has it rest: it has no key then. */
  readonly isSuspended: boolean;
}

type Assigned = Pick<KeyRecord, 'assigner' | 'assignerLife'>;

/**
 * The one way to use an Entity-User Key. A key that a gateway assigned ends with the life of that gateway, in the one commit
 * that ends it: so every use reads that life as well.
 */
@Injectable()
export class LiveKeys {
  constructor(
    private readonly own: OwnIdentity,
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly clock: Clock,
  ) {}

  /** The newest key of an entity as it is recorded, live or ended. */
  async read(entity: EntityName): Promise<KeyRecord | undefined> {
    return (await this.entities.readRecent(entity, { key: at(KEY) })).key;
  }

  /** The life of an entity and its key, where that may be used: both as of one moment. */
  async standingOf(entity: EntityName): Promise<EntityStanding> {
    const { key, head } = await this.entities.readRecent(entity, { key: at(KEY), head: at(ENTITY_HEAD) });
    const isLive = key?.state === 'live' && this.clock.now() < key.notAfter && (await this.isAssignerInForce(key));
    return { life: head?.life ?? 1n, key: isLive ? key : undefined, isSuspended: key?.state === 'suspended' };
  }

  /** @throws CpnsError KEY_REVOKED, also where the assigner was revoked; KEY_SUSPENDED, KEY_EXPIRED */
  async check(key: KeyRecord): Promise<void> {
    if (!(await this.isAssignerInForce(key)))
      throw failedPrecondition('KEY_REVOKED', 'the gateway that assigned the key was revoked: ask for a new admission');
    checkLive(key, this.clock.now());
  }

  /** True where the Server assigned, or a gateway that is still in the life that it assigned in. */
  async isAssignerInForce({ assigner, assignerLife }: Assigned): Promise<boolean> {
    if (assigner === this.own.uri) return true;
    const { identity } = await this.gateways.readRecent(assigner, { identity: at(IDENTITY) });
    return isInForce(identity, assignerLife);
  }
}
