/** Q2: a secret that is in the device already becomes its live Entity-User Key, without a request on the wire. */
import { fields, type ImportEntityUserKeyRequest } from '@cpns/contracts';
import { checkUserId, Clock, EntityUserKey, invalidArgument, parseEntityUri, permissionDenied } from '@cpns/core';
import { checkMayReplace } from '@cpns/entity-user-key';
import { deriveKeyId } from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import {
  checkKeyNotRetired,
  ENTITY_HEAD,
  EntityRecords,
  KEY,
  retire,
  RETIRED,
  type KeyRecord,
} from '../entities/records';

@Injectable()
export class ImportEntityUserKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly entities: EntityRecords,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; TRUST_DOMAIN; KEY_REVOKED for a key that ended here before */
  async execute(request: ImportEntityUserKeyRequest): Promise<KeyRecord> {
    const entity = parseEntityUri(request.entity, 'entity');
    const user = checkUserId(request.user, 'user');
    const secret = new EntityUserKey(fields.secret(request.entityUserKey, 'entity_user_key'));
    const notAfter = fields.time(request.notAfter, 'not_after');
    if (entity.trustDomain !== this.own.trustDomain)
      throw permissionDenied('TRUST_DOMAIN', `this Server serves ${this.own.trustDomain} only`);
    const keyId = deriveKeyId(secret);
    const wanted = { head: at(ENTITY_HEAD), key: at(KEY), retired: at(RETIRED) };
    return this.entities.transact(entity, wanted, ({ head, key, retired }) => {
      const now = this.clock.now();
      if (notAfter <= now)
        throw invalidArgument('FIELD_OUT_OF_RANGE', 'not_after has passed', { metadata: { field: 'not_after' } });
      if (key?.keyId === keyId && key.state === 'live' && key.user === user && key.notAfter === notAfter)
        return { result: key };
      checkKeyNotRetired(retired, keyId);
      const admittedAt = Math.max(now, (head?.lastAdmittedAt ?? 0) + 1);
      checkMayReplace(key, admittedAt, now);
      const imported: KeyRecord = {
        form: 'secret',
        state: 'live',
        user,
        assigner: this.own.uri,
        tokenId: '',
        admittedAt,
        secret,
        keyId,
        notAfter,
        registeredAt: now,
      };
      const next = { lastAdmittedAt: admittedAt, tokenIds: head?.tokenIds ?? [] };
      return {
        result: imported,
        put: { head: next, key: imported, retired: retire(retired, key?.keyId === keyId ? undefined : key, now) },
      };
    });
  }
}
