import { PnGatewayServiceService, type PnGatewayServiceReportCapabilitiesRequest } from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { ownRequestOf } from '../common/own-gateway';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { ServerClients } from '../peers/peer-clients';

const { reportCapabilities } = PnGatewayServiceService;
const SERVED = { reportCapabilities };

/** CPNS-1 on the wire: Device Capabilities, relayed with the own proof of their sender (GK-SECLEVEL). */
@GrpcController(SERVED)
export class DeviceCapabilitiesController implements Handlers<typeof SERVED> {
  constructor(
    private readonly credentials: LiveCredentials,
    private readonly server: ServerClients,
  ) {}

  /** @throws CpnsError what {@link LiveCredentials.caller} throws; PROOF_MISSING, PROOF_MAC; what the Server answers */
  async reportCapabilities(
    @Payload() { capabilities }: PnGatewayServiceReportCapabilitiesRequest,
    @Ctx() call: CallContext,
  ) {
    const caller = await this.credentials.caller(call);
    const own = ownRequestOf(caller, call);
    const request = { entity: caller.entity, capabilities, authenticatedBy: undefined, ...own };
    return this.server.deviceCapabilities.reportCapabilities(request, { within: call });
  }
}
