import {
  PnGatewayServiceService,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
  type PnGatewayServiceReportCapabilitiesRequest,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import type { GatewayContext } from '../context';
import { ReportCapabilities } from '../device-capabilities/report-capabilities';
import { AssignEntityUserKey } from '../entity-user-key/assign-entity-user-key/assign-entity-user-key';
import type { AssignHere } from '../entity-user-key/assign-entity-user-key/assign-here';
import { RegisterEntityUserKey } from '../entity-user-key/register-entity-user-key/register-entity-user-key';

const { assignEntityUserKey, registerEntityUserKey, reportCapabilities } = PnGatewayServiceService;

/** The RPCs of CPNS-1 that the gateway serves so far; the port answers UNIMPLEMENTED to the others. */
export const SERVED = { assignEntityUserKey, registerEntityUserKey, reportCapabilities };

/** CPNS-1 on the wire. */
export class PnGatewayController implements Handlers<typeof SERVED> {
  readonly #assign: AssignEntityUserKey;
  readonly #register: RegisterEntityUserKey;
  readonly #capabilities: ReportCapabilities;

  constructor(gateway: GatewayContext, assignHere: AssignHere) {
    this.#assign = new AssignEntityUserKey(gateway, assignHere);
    this.#register = new RegisterEntityUserKey(gateway);
    this.#capabilities = new ReportCapabilities(gateway);
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
}
