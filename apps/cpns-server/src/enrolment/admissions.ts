/** Admissions as operators list and end them. */
import type { ListAdmissionsRequest, RevokeAdmissionRequest } from '@cpns/contracts';
import { checkTokenId, CpnsError, parseEntityUri, type EntityName } from '@cpns/core';
import { advanceAdmission } from '@cpns/entity-user-key';
import { OwnIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { ADMISSION, admissionName, ENTITY_HEAD, EntityRecords, type AdmissionRecord } from '../entities/records';
import { GatewayLog } from '../gateway-log/gateway-log';
import { dueToken, GatewayOutbox } from '../gateway-log/gateway-outbox';
import { GatewayRecords, isInForce } from '../gateways/records';

const noSuchAdmission = () => new CpnsError('NOT_FOUND', 'the entity has no such admission');

/** An admission, and whether its assigner has it. */
export interface ListedAdmission {
  readonly admission: AdmissionRecord;
  readonly delivered: boolean;
}

@Injectable()
export class Admissions {
  constructor(
    private readonly own: OwnIdentity,
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
    private readonly outbox: GatewayOutbox,
  ) {}

  /**
   * Ends an admission. A key that it led to lives on until it is revoked by itself; a registration is refused from now on.
   * @throws CpnsError a field's reason; NOT_FOUND
   */
  async revoke(request: RevokeAdmissionRequest): Promise<AdmissionRecord> {
    const entity = parseEntityUri(request.entity, 'entity');
    const tokenId = checkTokenId(request.tokenId, 'token_id');
    const wanted = { admission: at(ADMISSION, admissionName(tokenId)) };
    if ((await this.entities.read(entity, wanted)).admission === undefined) throw noSuchAdmission();
    return this.outbox.around([dueToken(tokenId, entity)], () =>
      this.entities.transact(entity, wanted, ({ admission }) => {
        if (admission === undefined) throw noSuchAdmission();
        const next = { ...admission, state: advanceAdmission(admission.state, 'revoke') };
        return admission.state === 'revoked' ? { result: admission } : { result: next, put: { admission: next } };
      }),
    );
  }

  /** @throws CpnsError a field's reason; NOT_FOUND for one entity without any; PAGE_TOKEN_INVALID */
  async list(request: ListAdmissionsRequest): Promise<{ admissions: ListedAdmission[]; next: string }> {
    if (request.entity !== '') {
      const admissions = await this.of(parseEntityUri(request.entity, 'entity'));
      if (admissions.length === 0) throw new CpnsError('NOT_FOUND', 'the entity was never admitted');
      return { admissions, next: '' };
    }
    const { items, next } = await this.entities.list(request);
    const admissions = await Promise.all(items.map((uri) => this.of(parseEntityUri(uri))));
    return { admissions: admissions.flat(), next };
  }

  /**
   * Whether the admission's assigner has acknowledged it; the Server always has its own. With the life of a gateway end the
   * admissions that name it.
   */
  async describe(admission: AdmissionRecord): Promise<ListedAdmission> {
    const { assigner, assignerLife, grantSequence, state } = admission;
    if (assigner === this.own.uri) return { admission, delivered: true };
    if (!isInForce(await this.gateways.identityOf(assigner), assignerLife))
      return { admission: state === 'registered' ? admission : { ...admission, state: 'revoked' }, delivered: false };
    const isDelivered = grantSequence !== undefined && (await this.log.acknowledgedTo(assigner)) >= grantSequence;
    return { admission, delivered: isDelivered };
  }

  private async of(entity: EntityName): Promise<ListedAdmission[]> {
    const { head } = await this.entities.read(entity, { head: at(ENTITY_HEAD) });
    const wanted = Object.fromEntries((head?.tokenIds ?? []).map((id) => [id, at(ADMISSION, admissionName(id))]));
    const found = await this.entities.read(entity, wanted);
    const admissions = Object.values(found).filter((admission) => admission !== undefined);
    return Promise.all(admissions.map((admission) => this.describe(admission)));
  }
}
