import {
  AdmissionState,
  EnrolmentServiceService,
  EntityRole,
  wireKeyForm,
  type Admission,
  type AdmitEntityRequest,
  type GetGatewayRequest,
  type ImportEntityUserKeyRequest,
  type ImportFirstSeedRequest,
  type ListAdmissionsRequest,
  type ListGatewaysRequest,
  type RetireGatewayRequest,
  type RevokeAdmissionRequest,
  type RevokeFirstSeedRequest,
} from '@cpns/contracts';
import { Clock } from '@cpns/core';
import { MAX_MESSAGE_BYTES, type CallContext, type Handlers } from '@cpns/grpc';
import { keyIdBytes } from '@cpns/key-derivation';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { answerBy } from '../ends/answer-by';
import { RetireGateway } from '../ends/retire-gateway';
import type { AdmissionRecord } from '../entities/records';
import { AdmitEntity } from './admit-entity';
import { ImportEntityUserKey } from './import-entity-user-key';
import { FirstSeeds } from './first-seeds';
import { Admissions, type ListedAdmission } from './admissions';
import { ListGateways } from './list-gateways';

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
    private readonly admissions: Admissions,
    private readonly importKey: ImportEntityUserKey,
    private readonly firstSeeds: FirstSeeds,
    private readonly gateways: ListGateways,
    private readonly retire: RetireGateway,
    private readonly clock: Clock,
  ) {}

  async admitEntity(@Payload() request: AdmitEntityRequest) {
    return { admission: await this.#describe(await this.admit.execute(request)) };
  }

  async revokeAdmission(@Payload() request: RevokeAdmissionRequest) {
    return { admission: await this.#describe(await this.admissions.revoke(request)) };
  }

  async listAdmissions(@Payload() request: ListAdmissionsRequest) {
    const { admissions, next } = await this.admissions.list(request);
    return { admissions: admissions.map((admission) => this.#toWire(admission)), nextPageToken: next };
  }

  async importEntityUserKey(@Payload() request: ImportEntityUserKeyRequest) {
    return { keyId: keyIdBytes((await this.importKey.execute(request)).keyId) };
  }

  async importFirstSeed(@Payload() request: ImportFirstSeedRequest) {
    await this.firstSeeds.import(request);
    return {};
  }

  async revokeFirstSeed(@Payload() request: RevokeFirstSeedRequest) {
    await this.firstSeeds.revoke(request);
    return {};
  }

  async getGateway(@Payload() request: GetGatewayRequest) {
    return { gateway: await this.gateways.get(request) };
  }

  listGateways(@Payload() request: ListGatewaysRequest) {
    return this.gateways.list(request);
  }

  async retireGateway(@Payload() request: RetireGatewayRequest, @Ctx() call: CallContext) {
    const report = await this.retire.execute(request, answerBy(call.deadline));
    return { gateway: await this.gateways.get(request), report };
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
