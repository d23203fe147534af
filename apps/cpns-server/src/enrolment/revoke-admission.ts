import type { RevokeAdmissionRequest } from '@cpns/contracts';
import { CpnsError, checkTokenId, parseEntityUri } from '@cpns/core';
import { advanceAdmission } from '@cpns/entity-user-key';
import { OwnIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { EntityRecords } from '../entities/entity-records';
import { ADMISSION, admissionName, type AdmissionRecord } from '../entities/records';
import { GatewayLog } from '../gateway-delivery/gateway-log';

/**
 * Ends an admission. A key that it led to lives on until it is revoked by itself; a registration is refused from now on.
 * The gateway hears of it after the Server committed it: a crash in between is mended by saying it again.
 */
@Injectable()
export class RevokeAdmission {
  constructor(
    private readonly own: OwnIdentity,
    private readonly entities: EntityRecords,
    private readonly log: GatewayLog,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async execute(request: RevokeAdmissionRequest): Promise<AdmissionRecord> {
    const entity = parseEntityUri(request.entity, 'entity');
    const tokenId = checkTokenId(request.tokenId, 'token_id');
    const wanted = { admission: at(ADMISSION, admissionName(tokenId)) };
    const revoked = await this.entities.transact(entity, wanted, ({ admission }) => {
      if (admission === undefined) throw new CpnsError('NOT_FOUND', 'the entity has no such admission');
      const next = { ...admission, state: advanceAdmission(admission.state, 'revoke') };
      return admission.state === 'revoked' ? { result: admission } : { result: next, put: { admission: next } };
    });
    if (revoked.assigner !== this.own.uri)
      await this.log.append(revoked.assigner, `token-revoked.${tokenId}`, {
        $case: 'tokenRevocation',
        value: { tokenId, entity: entity.uri },
      });
    return revoked;
  }
}
