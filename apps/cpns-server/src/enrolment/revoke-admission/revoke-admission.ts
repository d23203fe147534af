import type { RevokeAdmissionRequest } from '@cpns/contracts';
import { CpnsError, checkTokenId, parseEntityUri } from '@cpns/core';
import { advanceAdmission } from '@cpns/entity-user-key';
import { at } from '@cpns/store';
import type { ServerContext } from '../../context';
import { sealedEntry } from '../../cskmf/gateway-log';
import { ADMISSION, admissionName, entityAggregate, type AdmissionRecord } from '../../records/entity-records';
import { gatewayAggregate } from '../../records/gateway-records';

/**
 * Ends an admission. A key that it led to lives on until it is revoked by itself; a registration is refused from now on.
 * The gateway hears of it after the Server committed it: a crash in between is mended by saying it again.
 */
export class RevokeAdmission {
  constructor(private readonly server: ServerContext) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async execute(request: RevokeAdmissionRequest): Promise<AdmissionRecord> {
    const entity = parseEntityUri(request.entity, 'entity');
    const tokenId = checkTokenId(request.tokenId, 'token_id');
    const wanted = { admission: at(ADMISSION, admissionName(tokenId)) };
    const revoked = await this.server.records.transact(entityAggregate(entity), wanted, ({ admission }) => {
      if (admission === undefined) throw new CpnsError('NOT_FOUND', 'the entity has no such admission');
      const next = { ...admission, state: advanceAdmission(admission.state, 'revoke') };
      return admission.state === 'revoked' ? { result: admission } : { result: next, put: { admission: next } };
    });
    if (revoked.assigner !== this.server.uri) {
      const entry = sealedEntry(this.server, revoked.assigner, `token-revoked.${tokenId}`, {
        $case: 'tokenRevocation',
        value: { tokenId, entity: entity.uri },
      });
      await this.server.records.append(gatewayAggregate(revoked.assigner), [entry]);
    }
    return revoked;
  }
}
