import {
  AdmissionState,
  EnrolmentServiceService,
  EntityRole,
  type Admission,
  type AdmitEntityRequest,
  type GetGatewayRequest,
  type ImportEntityUserKeyRequest,
  type ImportFirstSeedRequest,
  type ListAdmissionsRequest,
  type ListGatewaysRequest,
  type RevokeAdmissionRequest,
  type RevokeFirstSeedRequest,
  wireKeyForm,
} from '@cpns/contracts';
import { Clock } from '@cpns/core';
import { MAX_MESSAGE_BYTES, type Handlers } from '@cpns/grpc';
import { keyIdBytes } from '@cpns/key-derivation';
import { GrpcController } from '@cpns/platform';
import { Payload } from '@nestjs/microservices';
import type { AdmissionRecord } from '../entities/records';
import { AdmitEntity } from './admit-entity/admit-entity';
import { ImportEntityUserKey } from './import-entity-user-key';
import { ImportFirstSeed } from './import-first-seed';
import { ListAdmissions, type ListedAdmission } from './list-admissions';
import { ListGateways } from './list-gateways';
import { RevokeAdmission } from './revoke-admission';
import { RevokeFirstSeed } from './revoke-first-seed';

const STATES = {
  open: AdmissionState.ADMISSION_STATE_OPEN,
  assigned: AdmissionState.ADMISSION_STATE_ASSIGNED,
  registered: AdmissionState.ADMISSION_STATE_REGISTERED,
  revoked: AdmissionState.ADMISSION_STATE_REVOKED,
} as const;

/** Admission on the wire. */
@GrpcController(EnrolmentServiceService, { maxRequestBytes: MAX_MESSAGE_BYTES })
export class EnrolmentController implements Handlers<typeof EnrolmentServiceService> {
  constructor(
    private readonly admit: AdmitEntity,
    private readonly revoke: RevokeAdmission,
    private readonly admissions: ListAdmissions,
    private readonly importKey: ImportEntityUserKey,
    private readonly importSeed: ImportFirstSeed,
    private readonly revokeSeed: RevokeFirstSeed,
    private readonly gateways: ListGateways,
    private readonly clock: Clock,
  ) {}

  async admitEntity(@Payload() request: AdmitEntityRequest) {
    return { admission: await this.#describe(await this.admit.execute(request)) };
  }

  async revokeAdmission(@Payload() request: RevokeAdmissionRequest) {
    return { admission: await this.#describe(await this.revoke.execute(request)) };
  }

  async listAdmissions(@Payload() request: ListAdmissionsRequest) {
    const { admissions, next } = await this.admissions.execute(request);
    return { admissions: admissions.map((admission) => this.#toWire(admission)), nextPageToken: next };
  }

  async importEntityUserKey(@Payload() request: ImportEntityUserKeyRequest) {
    return { keyId: keyIdBytes((await this.importKey.execute(request)).keyId) };
  }

  async importFirstSeed(@Payload() request: ImportFirstSeedRequest) {
    await this.importSeed.execute(request);
    return {};
  }

  async revokeFirstSeed(@Payload() request: RevokeFirstSeedRequest) {
    await this.revokeSeed.execute(request);
    return {};
  }

  async getGateway(@Payload() request: GetGatewayRequest) {
    return { gateway: await this.gateways.get(request) };
  }

  listGateways(@Payload() request: ListGatewaysRequest) {
    return this.gateways.list(request);
  }

  async #describe(admission: AdmissionRecord): Promise<Admission> {
    return this.#toWire(await this.admissions.describe(admission));
  }

  #toWire({ admission, delivered }: ListedAdmission): Admission {
    const { tokenId, entity, user, role, form, assigner, state, admittedAt, expiresAt } = admission;
    const expired = state === 'open' && this.clock.now() >= expiresAt;
    return {
      tokenId,
      entity,
      user,
      role: role === 'pn-gw' ? EntityRole.ENTITY_ROLE_PN_GW : EntityRole.ENTITY_ROLE_TARGET_ENTITY,
      form: wireKeyForm(form),
      assigner,
      state: expired ? AdmissionState.ADMISSION_STATE_EXPIRED : STATES[state],
      admittedAt: BigInt(admittedAt),
      expiresAt: BigInt(expiresAt),
      delivered,
    };
  }
}
