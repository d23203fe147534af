/** Q2: a secret that is in the device already becomes its live Entity-User Key, without a request on the wire. */
import { fields, type ImportEntityUserKeyRequest } from '@cpns/contracts';
import { checkUserId, Clock, EntityUserKey, invalidArgument, parseEntityUri, permissionDenied } from '@cpns/core';
import { checkMayReplace } from '@cpns/entity-user-key';
import { deriveKeyId } from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { at, revisionOf, type Decision, type Found } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { Endings } from '../ends/endings';
import { EntityIndex } from '../entities/entity-index';
import {
  checkKeyNotRetired,
  ENTITY_HEAD,
  EntityRecords,
  KEY,
  retire,
  RETIRED,
  type KeyRecord,
} from '../entities/records';
import { UserIndex } from '../entities/user-index';
import { dueCredential, GatewayOutbox } from '../gateway-log/gateway-outbox';
import { ImportedSecrets } from './imported-secrets';

@Injectable()
export class ImportEntityUserKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly entities: EntityRecords,
    private readonly index: EntityIndex,
    private readonly users: UserIndex,
    private readonly endings: Endings,
    private readonly outbox: GatewayOutbox,
    private readonly secrets: ImportedSecrets,
    private readonly clock: Clock,
  ) {}

  /**
   * @throws CpnsError a field's reason; TRUST_DOMAIN; KEY_REVOKED for a key that ended here before; KEY_SUSPENDED;
   *   ALREADY_EXISTS for one that is another's
   */
  async execute(request: ImportEntityUserKeyRequest): Promise<KeyRecord> {
    const entity = parseEntityUri(request.entity, 'entity');
    const user = checkUserId(request.user, 'user');
    const secret = new EntityUserKey(fields.importedSecret(request.entityUserKey, 'entity_user_key'));
    const notAfter = fields.time(request.notAfter, 'not_after');
    if (entity.trustDomain !== this.own.trustDomain)
      throw permissionDenied('TRUST_DOMAIN', `this Server serves ${this.own.trustDomain} only`);
    const keyId = deriveKeyId(secret);
    const wanted = { head: at(ENTITY_HEAD), key: at(KEY), retired: at(RETIRED) };
    const decide = ({ head, key, retired }: Found<typeof wanted>): Decision<typeof wanted, KeyRecord> => {
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
      const next = { ...head, lastAdmittedAt: admittedAt, tokenIds: head?.tokenIds ?? [] };
      return {
        result: imported,
        put: { head: next, key: imported, retired: retire(retired, key?.keyId === keyId ? undefined : key, now) },
      };
    };
    const seen = await this.entities.snapshot(entity, wanted);
    // what is refused here claims nothing, and leaves nothing to tell; neither does a repetition
    const { put, result } = decide(seen.found);
    if (put === undefined) return result;
    if (await this.endings.settle(entity, seen.found.key)) return this.execute(request);
    await this.secrets.claim(secret, { owner: entity.uri, until: notAfter });
    await this.index.add(entity.pnId, entity.uri);
    if (user !== '') await this.users.add(user, entity.uri);
    return this.outbox.around([dueCredential(revisionOf(KEY, seen), entity)], () =>
      this.entities.transact(entity, wanted, decide, seen),
    );
  }
}
