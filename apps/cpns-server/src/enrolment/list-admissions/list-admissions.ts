import type { ListAdmissionsRequest } from '@cpns/contracts';
import { CpnsError, parseEntityUri, type EntityName } from '@cpns/core';
import { at, listPage } from '@cpns/store';
import type { ServerContext } from '../../context';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  ENTITY_KIND,
  entityAggregate,
  type AdmissionRecord,
} from '../../records/entity-records';
import { DELIVERY_LOG, gatewayAggregate } from '../../records/gateway-records';

/** An admission, and whether its assigner has it. */
export interface ListedAdmission {
  readonly admission: AdmissionRecord;
  readonly delivered: boolean;
}

export class ListAdmissions {
  constructor(private readonly server: ServerContext) {}

  /** @throws CpnsError a field's reason; NOT_FOUND for one entity without any; PAGE_TOKEN_INVALID */
  async execute(request: ListAdmissionsRequest): Promise<{ admissions: ListedAdmission[]; next: string }> {
    if (request.entity !== '') {
      const admissions = await this.of(parseEntityUri(request.entity, 'entity'));
      if (admissions.length === 0) throw new CpnsError('NOT_FOUND', 'the entity was never admitted');
      return { admissions, next: '' };
    }
    const { items, next } = await listPage(this.server.store, ENTITY_KIND, request);
    const admissions = await Promise.all(items.map((uri) => this.of(parseEntityUri(uri))));
    return { admissions: admissions.flat(), next };
  }

  /** Whether the admission's assigner has acknowledged it; the Server always has its own. */
  async describe(admission: AdmissionRecord): Promise<ListedAdmission> {
    const { assigner, grantSequence } = admission;
    if (grantSequence === undefined) return { admission, delivered: assigner === this.server.uri };
    const { trimmedTo } = await this.server.store.readLog(gatewayAggregate(assigner), DELIVERY_LOG, 0n, 1);
    return { admission, delivered: trimmedTo >= grantSequence };
  }

  private async of(entity: EntityName): Promise<ListedAdmission[]> {
    const aggregate = entityAggregate(entity);
    const { head } = await this.server.records.read(aggregate, { head: at(ENTITY_HEAD) });
    const wanted = Object.fromEntries((head?.tokenIds ?? []).map((id) => [id, at(ADMISSION, admissionName(id))]));
    const found = await this.server.records.read(aggregate, wanted);
    const admissions = Object.values(found).filter((admission) => admission !== undefined);
    return Promise.all(admissions.map((admission) => this.describe(admission)));
  }
}
