import type { RevokeEntityUserKeyRequest } from '@cpns/contracts';
import { Clock, CpnsError, failedPrecondition, parseEntityUri, type EntityName } from '@cpns/core';
import { advanceKey } from '@cpns/entity-user-key';
import { checkSize, KEY_ID_BYTES } from '@cpns/key-derivation';
import { at, expiring } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { EntityRecords } from '../entities/entity-records';
import { KEY, RETIRED, type KeyRecord } from '../entities/records';
import { retire } from '../entities/retired';
import { DeliveryChannels } from '../gateway-delivery/delivery-channels';
import { GatewayRecords } from '../gateways/gateway-records';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayCaName,
  IDENTITY,
  PROVISIONED,
  type ProvisionedItem,
} from '../gateways/records';
import { TellAssigner } from './tell-assigner';

/** Ends a key, or a gateway's identity. The record is rewritten, never removed: absence grants nothing. */
@Injectable()
export class RevokeEntityUserKey {
  constructor(
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly channels: DeliveryChannels,
    private readonly tellAssigner: TellAssigner,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND; KEY_REVOKED when the key that is meant was replaced */
  async execute(request: RevokeEntityUserKeyRequest): Promise<KeyRecord | undefined> {
    const entity = parseEntityUri(request.entity, 'entity');
    if (request.keyId.length > 0) checkSize(request.keyId, KEY_ID_BYTES, 'key_id');
    const wantedId = request.keyId.toString('hex');
    const wanted = { key: at(KEY), retired: at(RETIRED) };
    const identityEnded = entity.entityType === 'pn-gw' && wantedId === '' && (await this.endIdentity(entity));
    if (identityEnded) this.channels.endOf(entity.uri);
    const revoked = await this.entities.transact(entity, wanted, ({ key, retired }) => {
      if (key === undefined) {
        if (identityEnded) return { result: undefined };
        throw new CpnsError('NOT_FOUND', 'the entity has no key; what was not registered ends with its admission');
      }
      if (wantedId !== '' && key.keyId !== wantedId)
        throw failedPrecondition('KEY_REVOKED', 'another key took the place of the one that is meant');
      const next = { ...key, state: advanceKey(key.state, 'revoke') };
      return { result: next, put: { key: next, retired: retire(retired, key, this.clock.now()) } };
    });
    // once the record says so: a crash in between is mended by saying it again
    if (revoked !== undefined) await this.tellAssigner.execute(entity.uri, revoked);
    return revoked;
  }

  /** With its identity end its 1st seeds and CA certificates, so that a thief of them can assign nothing either. */
  private async endIdentity({ uri }: EntityName): Promise<boolean> {
    const { provisioned } = await this.gateways.read(uri, { provisioned: at(PROVISIONED) });
    const seeds = refs(provisioned?.firstSeeds, (id) => at(FIRST_SEED, firstSeedName(id)));
    const cas = refs(provisioned?.cas, (id) => at(GATEWAY_CA, gatewayCaName(id)));
    await this.gateways.transact(uri, seeds, (found) => ({
      result: undefined,
      put: ended(found, ({ registerUntil }) => registerUntil),
    }));
    await this.gateways.transact(uri, cas, (found) => ({
      result: undefined,
      put: ended(found, ({ notAfter }) => notAfter),
    }));
    return this.gateways.transact(uri, { identity: at(IDENTITY) }, ({ identity }) => {
      if (identity === undefined) return { result: false };
      return { result: true, put: { identity: { ...identity, state: 'revoked' as const } } };
    });
  }
}

const refs = <T>(items: readonly ProvisionedItem[] | undefined, refer: (id: string) => T): Record<string, T> =>
  Object.fromEntries((items ?? []).map(({ id }) => [id, refer(id)]));

/** Each of them as revoked, with the end that its record has. */
function ended<T extends object>(found: Readonly<Record<string, T | undefined>>, endOf: (record: T) => number) {
  const there = Object.entries(found).flatMap(([id, record]) => (record === undefined ? [] : [[id, record] as const]));
  return Object.fromEntries(there.map(([id, record]) => [id, expiring({ ...record, revoked: true }, endOf(record))]));
}
