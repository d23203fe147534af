import {
  PnGatewayServiceService,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
  type PnGatewayServiceJoinServiceGroupRequest,
  type PnGatewayServiceLeaveServiceGroupRequest,
  type PnGatewayServicePullGroupKeyRequest,
  type PnGatewayServiceReportCapabilitiesRequest,
  type WatchGroupKeysRequest,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import type { CallContext, Handlers, ServerStreamContext } from '@cpns/grpc';
import type { GatewayContext } from '../context';
import type { Seca } from '../cskmf/accept-push/accept-push';
import { PullGroupKey } from '../cskmf/pull-group-key/pull-group-key';
import { WatchGroupKeys } from '../cskmf/watch-group-keys/watch-group-keys';
import { ReportCapabilities } from '../device-capabilities/report-capabilities';
import { AssignEntityUserKey } from '../entity-user-key/assign-entity-user-key/assign-entity-user-key';
import type { AssignHere } from '../entity-user-key/assign-entity-user-key/assign-here';
import { RegisterEntityUserKey } from '../entity-user-key/register-entity-user-key/register-entity-user-key';
import { JoinServiceGroup } from '../smf/join-service-group/join-service-group';
import { LeaveServiceGroup } from '../smf/leave-service-group/leave-service-group';

const {
  assignEntityUserKey,
  registerEntityUserKey,
  reportCapabilities,
  joinServiceGroup,
  leaveServiceGroup,
  pullGroupKey,
  watchGroupKeys,
} = PnGatewayServiceService;

/** The RPCs of CPNS-1 that the gateway serves so far; the port answers UNIMPLEMENTED to the other. */
export const SERVED = {
  assignEntityUserKey,
  registerEntityUserKey,
  reportCapabilities,
  joinServiceGroup,
  leaveServiceGroup,
  pullGroupKey,
  watchGroupKeys,
};

export interface PnGatewayParts {
  readonly gateway: GatewayContext;
  readonly assignHere: AssignHere;
  readonly seca: Seca;
  /** Milliseconds. */
  readonly watchLifetime: number;
}

/** CPNS-1 on the wire. */
export class PnGatewayController implements Handlers<typeof SERVED> {
  readonly #assign: AssignEntityUserKey;
  readonly #register: RegisterEntityUserKey;
  readonly #capabilities: ReportCapabilities;
  readonly #join: JoinServiceGroup;
  readonly #leave: LeaveServiceGroup;
  readonly #pull: PullGroupKey;
  readonly #watch: WatchGroupKeys;

  constructor({ gateway, assignHere, seca, watchLifetime }: PnGatewayParts) {
    this.#assign = new AssignEntityUserKey(gateway, assignHere);
    this.#register = new RegisterEntityUserKey(gateway);
    this.#capabilities = new ReportCapabilities(gateway);
    this.#join = new JoinServiceGroup(gateway);
    this.#leave = new LeaveServiceGroup(gateway);
    this.#pull = new PullGroupKey(seca);
    this.#watch = new WatchGroupKeys(seca, watchLifetime);
  }

  async assignEntityUserKey({ request }: PnGatewayServiceAssignEntityUserKeyRequest, call: CallContext) {
    return { reply: await this.#assign.execute(request, call) };
  }

  async registerEntityUserKey({ request }: PnGatewayServiceRegisterEntityUserKeyRequest, call: CallContext) {
    return { reply: await this.#register.execute(request, call) };
  }

  async reportCapabilities({ capabilities }: PnGatewayServiceReportCapabilitiesRequest, call: CallContext) {
    return { recordedAt: await this.#capabilities.execute(capabilities, call) };
  }

  async joinServiceGroup({ groupId }: PnGatewayServiceJoinServiceGroupRequest, call: CallContext) {
    return { membershipRevision: await this.#join.execute(groupId, call) };
  }

  async leaveServiceGroup({ groupId }: PnGatewayServiceLeaveServiceGroupRequest, call: CallContext) {
    return { membershipRevision: await this.#leave.execute(groupId, call) };
  }

  async pullGroupKey(request: PnGatewayServicePullGroupKeyRequest, call: CallContext) {
    return { delivery: await this.#pull.execute(request, call) };
  }

  watchGroupKeys(_request: WatchGroupKeysRequest, call: ServerStreamContext<WatchGroupKeysResponse>): Promise<void> {
    return this.#watch.execute(call);
  }
}
