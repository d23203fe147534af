import type {
  DeviceCapabilitiesServiceReportCapabilitiesRequest,
  DeviceCapabilitiesServiceService,
  GetCapabilitiesRequest,
} from '@cpns/contracts';
import { gatewayOf, type CallContext, type Handlers } from '@cpns/grpc';
import type { ServerContext } from '../context';
import { ReportCapabilities } from '../device-capabilities/report-capabilities';

/** The Device Capabilities Function on the wire. */
export class DeviceCapabilitiesController implements Handlers<typeof DeviceCapabilitiesServiceService> {
  readonly #capabilities: ReportCapabilities;

  constructor(server: ServerContext) {
    this.#capabilities = new ReportCapabilities(server);
  }

  async reportCapabilities(request: DeviceCapabilitiesServiceReportCapabilitiesRequest, call: CallContext) {
    return { recordedAt: BigInt(await this.#capabilities.report(request, gatewayOf(call))) };
  }

  getCapabilities(request: GetCapabilitiesRequest) {
    return this.#capabilities.get(request);
  }
}
