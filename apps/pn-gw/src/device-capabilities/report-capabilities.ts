import type { DeviceCapabilities } from '@cpns/contracts';
import type { CallContext } from '@cpns/grpc';
import { parseEntityUri } from '@cpns/core';
import type { GatewayContext } from '../context';
import { checkAddressee } from '../entity-user-key/check-addressee';

/** Relays a report to the Device Capabilities Function, with how its sender was authenticated (GK-SECLEVEL). */
export class ReportCapabilities {
  constructor(private readonly gateway: GatewayContext) {}

  /** @returns when the Server recorded it, Unix milliseconds @throws CpnsError PROOF_MISSING, PN_MISMATCH; what the Server answers */
  async execute(capabilities: DeviceCapabilities | undefined, call: CallContext): Promise<bigint> {
    const { entity, by } = call.requireEntity();
    checkAddressee(this.gateway.name, parseEntityUri(entity, 'entity'));
    const authenticatedBy =
      by.kind === 'proof'
        ? { $case: 'keyId' as const, value: by.keyId }
        : { $case: 'certificateDigest' as const, value: by.digest };
    const request = { entity, authenticatedBy, capabilities };
    const { recordedAt } = await this.gateway.server.deviceCapabilities.reportCapabilities(request, { within: call });
    return recordedAt;
  }
}
