import {
  DeviceCapabilitiesServiceService,
  type DeviceCapabilitiesServiceReportCapabilitiesRequest,
  type GetCapabilitiesRequest,
} from '@cpns/contracts';
import { gatewayOf, MAX_MESSAGE_BYTES, type CallContext, type Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { ReportCapabilities } from './report-capabilities';

/** The Device Capabilities Function on the wire. */
@GrpcController(DeviceCapabilitiesServiceService, { maxRequestBytes: MAX_MESSAGE_BYTES })
export class DeviceCapabilitiesController implements Handlers<typeof DeviceCapabilitiesServiceService> {
  constructor(private readonly capabilities: ReportCapabilities) {}

  async reportCapabilities(
    @Payload() request: DeviceCapabilitiesServiceReportCapabilitiesRequest,
    @Ctx() call: CallContext,
  ) {
    return { recordedAt: BigInt(await this.capabilities.report(request, gatewayOf(call))) };
  }

  getCapabilities(@Payload() request: GetCapabilitiesRequest) {
    return this.capabilities.get(request);
  }
}
