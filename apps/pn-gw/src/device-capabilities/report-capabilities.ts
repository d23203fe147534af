import type { DeviceCapabilities } from '@cpns/contracts';
import type { CallContext } from '@cpns/grpc';
import { parseEntityUri } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { checkAddressee, OwnGateway } from '../common/own-gateway';
import { ServerClients } from '../peers/server-clients';

/** Relays a report to the Device Capabilities Function, with how its sender was authenticated (GK-SECLEVEL). */
@Injectable()
export class ReportCapabilities {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
  ) {}

  /** @returns when the Server recorded it, Unix milliseconds @throws CpnsError PROOF_MISSING, PN_MISMATCH; what the Server answers */
  async execute(capabilities: DeviceCapabilities | undefined, call: CallContext): Promise<bigint> {
    const { entity, by } = call.requireEntity();
    checkAddressee(this.own.name, parseEntityUri(entity, 'entity'));
    const authenticatedBy =
      by.kind === 'proof'
        ? { $case: 'keyId' as const, value: by.keyId }
        : { $case: 'certificateDigest' as const, value: by.digest };
    const request = { entity, authenticatedBy, capabilities };
    const { recordedAt } = await this.server.deviceCapabilities.reportCapabilities(request, { within: call });
    return recordedAt;
  }
}
