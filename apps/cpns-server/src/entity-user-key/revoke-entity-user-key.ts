/** An operator ends the right of an entity, or of a gateway: one commit each, which raises its life. */
import type { RevokeEntityUserKeyRequest } from '@cpns/contracts';
import { Clock, CpnsError, failedPrecondition, parseEntityUri, type EntityName } from '@cpns/core';
import { advanceAdmission, advanceKey } from '@cpns/entity-user-key';
import { checkSize, KEY_ID_BYTES } from '@cpns/key-derivation';
import { at, revisionOf, type Decision, type Found, type RecordRef } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { EndedCertificates } from '../certificates/ended-certificates';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  EntityRecords,
  KEY,
  retire,
  RETIRED,
  type AdmissionRecord,
  type KeyRecord,
} from '../entities/records';
import { DELIVERY_CLAIM } from '../gateway-log/gateway-log';
import { dueAssigner, dueCredential, dueToken, GatewayOutbox } from '../gateway-log/gateway-outbox';
import { GatewayRecords, IDENTITY, lifeOf } from '../gateways/records';

/** By the number of the admission, so that no token-id is taken for another record of the entity. */
type ByNumber<T> = Record<`token${number}`, T>;

function wantedOf(tokenIds: readonly string[]) {
  const admissions: ByNumber<RecordRef<typeof ADMISSION.fields>> = Object.fromEntries(
    tokenIds.map((id, index) => [`token${index}`, at(ADMISSION, admissionName(id))]),
  );
  return Object.assign(admissions, { head: at(ENTITY_HEAD), key: at(KEY), retired: at(RETIRED) });
}
type Wanted = ReturnType<typeof wantedOf>;

interface Outcome {
  /** False where the entity was admitted anew meanwhile. */
  readonly done: boolean;
  readonly key?: KeyRecord;
}

/** Ends a key with the admissions that may still lead to one, or a gateway. No record is removed: absence grants nothing. */
@Injectable()
export class RevokeEntityUserKey {
  constructor(
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly outbox: GatewayOutbox,
    private readonly certificates: EndedCertificates,
    private readonly clock: Clock,
  ) {}

  /**
   * @returns the key that was revoked, now or before, if the entity had one
   * @throws CpnsError a field's reason; NOT_FOUND; KEY_REVOKED when the key that is meant was replaced
   */
  async execute(request: RevokeEntityUserKeyRequest): Promise<KeyRecord | undefined> {
    const entity = parseEntityUri(request.entity, 'entity');
    if (request.keyId.length > 0) checkSize(request.keyId, KEY_ID_BYTES, 'key_id');
    const keyId = request.keyId.toString('hex');
    const isGateway = entity.entityType === 'pn-gw' && keyId === '' && (await this.endIdentity(entity));
    return this.endEntity(entity, keyId, isGateway);
  }

  /** With its life ends all that it was given and all that it assigned: no other record has to be found for that. */
  private async endIdentity({ uri }: EntityName): Promise<boolean> {
    const before = await this.gateways.identityOf(uri);
    await this.certificates.endIdentity(before);
    const due = before?.state === 'live' ? [dueAssigner(lifeOf(before), uri)] : [];
    const ended = await this.outbox.around(due, () =>
      this.gateways.transact(uri, { identity: at(IDENTITY), claim: DELIVERY_CLAIM }, ({ identity }) => {
        if (identity?.state !== 'live') return { result: identity };
        const revoked = { ...identity, state: 'revoked' as const, life: lifeOf(identity) + 1n };
        return { result: revoked, put: { identity: revoked, claim: null } };
      }),
    );
    await this.certificates.endIdentity(ended);
    return ended !== undefined;
  }

  private async endEntity(entity: EntityName, keyId: string, isGateway: boolean): Promise<KeyRecord | undefined> {
    for (;;) {
      const { head } = await this.entities.read(entity, { head: at(ENTITY_HEAD) });
      const tokenIds = head?.tokenIds ?? [];
      const wanted = wantedOf(tokenIds);
      const seen = await this.entities.snapshot(entity, wanted);
      const open = tokenIds.filter((_, index) => mayLeadToKey(seen.found[`token${index}`]));
      const decide = (found: Found<Wanted>) => this.decide(tokenIds, keyId, isGateway, found);
      // what is refused here leaves nothing to tell
      decide(seen.found);
      const due = open.map((tokenId) => dueToken(tokenId, entity));
      if (seen.found.key?.state === 'live') due.push(dueCredential(revisionOf(KEY, seen), entity));
      const { done, key } = await this.outbox.around(due, () => this.entities.transact(entity, wanted, decide, seen));
      if (done) return key;
    }
  }

  private decide(
    tokenIds: readonly string[],
    keyId: string,
    isGateway: boolean,
    found: Found<Wanted>,
  ): Decision<Wanted, Outcome> {
    const { head, key, retired } = found;
    if (head?.tokenIds.some((id) => !tokenIds.includes(id))) return { result: { done: false } };
    if (key === undefined && (keyId !== '' || head === undefined)) {
      if (isGateway) return { result: { done: true } };
      throw new CpnsError('NOT_FOUND', 'the entity has no key and no admission');
    }
    if (keyId !== '' && key?.keyId !== keyId)
      throw failedPrecondition('KEY_REVOKED', 'another key took the place of the one that is meant');
    const next = key && { ...key, state: advanceKey(key.state, 'revoke') };
    const ended: ByNumber<AdmissionRecord> = Object.fromEntries(
      tokenIds.flatMap((_, index) => {
        const admission = found[`token${index}`];
        return mayLeadToKey(admission)
          ? [[`token${index}`, { ...admission, state: advanceAdmission(admission.state, 'revoke') }]]
          : [];
      }),
    );
    const result = { done: true, ...(next && { key: next }) };
    if (key?.state !== 'live' && Object.keys(ended).length === 0) return { result };
    const { lastAdmittedAt = 0, life = 1n } = head ?? {};
    return {
      result,
      put: Object.assign(ended, {
        head: { lastAdmittedAt, tokenIds: head?.tokenIds ?? [], life: life + 1n },
        ...(next && { key: next, retired: retire(retired, key, this.clock.now()) }),
      }),
    };
  }
}

const mayLeadToKey = (admission: AdmissionRecord | undefined): admission is AdmissionRecord =>
  admission?.state === 'open' || admission?.state === 'assigned';
