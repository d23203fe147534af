import type { RevokeEntityUserKeyRequest } from '@cpns/contracts';
import { CpnsError, failedPrecondition } from '@cpns/core';
import { advanceKey } from '@cpns/entity-user-key';
import { parseEntityUri, type EntityName } from '@cpns/identity';
import { checkSize, KEY_ID_BYTES } from '@cpns/key-derivation';
import { at } from '@cpns/records';
import type { ServerContext } from '../../context';
import { entityAggregate, KEY, RETIRED, type KeyRecord } from '../../records/entity-records';
import { gatewayAggregate, IDENTITY } from '../../records/gateway-records';
import { retire } from '../../records/retired';

/** Ends a key, or a gateway's identity. The record is rewritten, never removed: absence grants nothing. */
export class RevokeEntityUserKey {
  constructor(
    private readonly server: ServerContext,
    /** Told of a gateway whose identity ended. */
    private readonly gatewayEnded: (gateway: string) => void,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND; KEY_REVOKED when the key that is meant was replaced */
  async execute(request: RevokeEntityUserKeyRequest): Promise<KeyRecord | undefined> {
    const entity = parseEntityUri(request.entity, 'entity');
    if (request.keyId.length > 0) checkSize(request.keyId, KEY_ID_BYTES, 'key_id');
    const wantedId = request.keyId.toString('hex');
    const wanted = { key: at(KEY), retired: at(RETIRED) };
    const identityEnded = entity.entityType === 'pn-gw' && wantedId === '' && (await this.endIdentity(entity));
    if (identityEnded) this.gatewayEnded(entity.uri);
    return this.server.records.transact(entityAggregate(entity), wanted, ({ key, retired }) => {
      if (key === undefined) {
        if (identityEnded) return { result: undefined };
        throw new CpnsError('NOT_FOUND', 'the entity has no key');
      }
      if (wantedId !== '' && key.keyId !== wantedId)
        throw failedPrecondition('KEY_REVOKED', 'another key took the place of the one that is meant');
      const next = { ...key, state: advanceKey(key.state, 'revoke') };
      return { result: next, put: { key: next, retired: retire(retired, key, this.server.clock.now()) } };
    });
  }

  private endIdentity(gateway: EntityName): Promise<boolean> {
    return this.server.records.transact(gatewayAggregate(gateway.uri), { identity: at(IDENTITY) }, ({ identity }) => {
      if (identity === undefined) return { result: false };
      return { result: true, put: { identity: { ...identity, state: 'revoked' as const } } };
    });
  }
}
