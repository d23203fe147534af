import { PnGatewayServiceService, type PnGatewayServiceReportCapabilitiesRequest } from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { ReportCapabilities } from './report-capabilities';

const { reportCapabilities } = PnGatewayServiceService;
const SERVED = { reportCapabilities };

/** CPNS-1 on the wire: Device Capabilities. */
@GrpcController(SERVED)
export class DeviceCapabilitiesController implements Handlers<typeof SERVED> {
  constructor(private readonly report: ReportCapabilities) {}

  async reportCapabilities(
    @Payload() { capabilities }: PnGatewayServiceReportCapabilitiesRequest,
    @Ctx() call: CallContext,
  ) {
    return { recordedAt: await this.report.execute(capabilities, call) };
  }
}
