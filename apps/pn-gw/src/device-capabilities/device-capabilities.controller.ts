import { PnGatewayServiceService, type PnGatewayServiceReportCapabilitiesRequest } from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { callerHere, OwnGateway } from '../common/own-gateway';
import { ServerClients } from '../peers/peer-clients';

const { reportCapabilities } = PnGatewayServiceService;
const SERVED = { reportCapabilities };

/** CPNS-1 on the wire: Device Capabilities, relayed with how their sender was authenticated (GK-SECLEVEL). */
@GrpcController(SERVED)
export class DeviceCapabilitiesController implements Handlers<typeof SERVED> {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
  ) {}

  /** @throws CpnsError PROOF_MISSING, PN_MISMATCH; what the Server answers */
  async reportCapabilities(
    @Payload() { capabilities }: PnGatewayServiceReportCapabilitiesRequest,
    @Ctx() call: CallContext,
  ) {
    const { entity, by } = callerHere(this.own, call);
    const authenticatedBy =
      by.kind === 'proof'
        ? { $case: 'keyId' as const, value: by.keyId }
        : { $case: 'certificateDigest' as const, value: by.digest };
    const request = { entity, authenticatedBy, capabilities };
    return this.server.deviceCapabilities.reportCapabilities(request, { within: call });
  }
}
