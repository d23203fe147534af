import {
  AdmissionState,
  EntityRole,
  type Admission,
  type AdmitEntityRequest,
  type EnrolmentServiceService,
  type GetGatewayRequest,
  type ImportEntityUserKeyRequest,
  type ImportFirstSeedRequest,
  type ListAdmissionsRequest,
  type ListGatewaysRequest,
  type RevokeAdmissionRequest,
  type RevokeFirstSeedRequest,
  wireKeyForm,
} from '@cpns/contracts';
import type { Handlers } from '@cpns/grpc';
import { keyIdBytes } from '@cpns/key-derivation';
import type { ServerContext } from '../context';
import { AdmitEntity } from '../enrolment/admit-entity/admit-entity';
import { ImportEntityUserKey } from '../enrolment/import-entity-user-key/import-entity-user-key';
import { ImportFirstSeed } from '../enrolment/import-first-seed/import-first-seed';
import { ListAdmissions, type ListedAdmission } from '../enrolment/list-admissions/list-admissions';
import { ListGateways } from '../enrolment/list-gateways/list-gateways';
import { RevokeAdmission } from '../enrolment/revoke-admission/revoke-admission';
import { RevokeFirstSeed } from '../enrolment/revoke-first-seed/revoke-first-seed';
import type { AdmissionRecord } from '../records/entity-records';

const STATES = {
  open: AdmissionState.ADMISSION_STATE_OPEN,
  assigned: AdmissionState.ADMISSION_STATE_ASSIGNED,
  registered: AdmissionState.ADMISSION_STATE_REGISTERED,
  revoked: AdmissionState.ADMISSION_STATE_REVOKED,
} as const;

/** Admission on the wire. */
export class EnrolmentController implements Handlers<typeof EnrolmentServiceService> {
  readonly #admit: AdmitEntity;
  readonly #revoke: RevokeAdmission;
  readonly #list: ListAdmissions;
  readonly #importKey: ImportEntityUserKey;
  readonly #importSeed: ImportFirstSeed;
  readonly #revokeSeed: RevokeFirstSeed;
  readonly #gateways: ListGateways;

  constructor(private readonly server: ServerContext) {
    this.#admit = new AdmitEntity(server);
    this.#revoke = new RevokeAdmission(server);
    this.#list = new ListAdmissions(server);
    this.#importKey = new ImportEntityUserKey(server);
    this.#importSeed = new ImportFirstSeed(server);
    this.#revokeSeed = new RevokeFirstSeed(server);
    this.#gateways = new ListGateways(server);
  }

  async admitEntity(request: AdmitEntityRequest) {
    return { admission: await this.#describe(await this.#admit.execute(request)) };
  }

  async revokeAdmission(request: RevokeAdmissionRequest) {
    return { admission: await this.#describe(await this.#revoke.execute(request)) };
  }

  async listAdmissions(request: ListAdmissionsRequest) {
    const { admissions, next } = await this.#list.execute(request);
    return { admissions: admissions.map((admission) => this.#toWire(admission)), nextPageToken: next };
  }

  async importEntityUserKey(request: ImportEntityUserKeyRequest) {
    return { keyId: keyIdBytes((await this.#importKey.execute(request)).keyId) };
  }

  async importFirstSeed(request: ImportFirstSeedRequest) {
    await this.#importSeed.execute(request);
    return {};
  }

  async revokeFirstSeed(request: RevokeFirstSeedRequest) {
    await this.#revokeSeed.execute(request);
    return {};
  }

  async getGateway(request: GetGatewayRequest) {
    return { gateway: await this.#gateways.get(request) };
  }

  listGateways(request: ListGatewaysRequest) {
    return this.#gateways.list(request);
  }

  async #describe(admission: AdmissionRecord): Promise<Admission> {
    return this.#toWire(await this.#list.describe(admission));
  }

  #toWire({ admission, delivered }: ListedAdmission): Admission {
    const { tokenId, entity, user, role, form, assigner, state, admittedAt, expiresAt } = admission;
    const expired = state === 'open' && this.server.clock.now() >= expiresAt;
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
