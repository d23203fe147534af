/** The Device Capabilities Function (5.3.1.12.6.1): what a PNE says of itself, as its gateway relays it (GK-SECLEVEL). */
import {
  checkEntityRequest,
  fields,
  KeyStorage,
  LinkSecurity,
  type DeviceCapabilities,
  type DeviceCapabilitiesServiceReportCapabilitiesRequest,
  type GetCapabilitiesRequest,
  type GetCapabilitiesResponse,
  PnGatewayServiceReportCapabilitiesRequest,
  PnGatewayServiceService,
} from '@cpns/contracts';
import {
  Clock,
  CpnsError,
  failedPrecondition,
  invalidArgument,
  parseEntityUri,
  permissionDenied,
  samePn,
  unauthenticated,
  type EntityName,
} from '@cpns/core';
import { checkLive } from '@cpns/entity-user-key';
import { ServiceIdentity } from '@cpns/platform';
import { at, defineRecord, jsonField, optional, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { EntityRecords, KEY } from '../entities/records';
import { VerifyProof } from '../proof/verify-proof';

/** What an entity said of itself last; beside its key, so that one commit looks at both. */
export const CAPABILITIES = defineRecord('capabilities', {
  linkSecurity: jsonField<number>(),
  keyStorage: jsonField<number>(),
  softwareVersion: jsonField<string>(),
  recordedAt: jsonField<number>(),
  /** E of the gateway that relayed the report. */
  reportedThrough: jsonField<string>(),
  /** The entity's time in its proof, Unix milliseconds; a report from before has none. */
  provenAt: optional(jsonField<number>()),
});
type CapabilitiesRecord = ValueIn<typeof CAPABILITIES>;

/** In code points. */
const VERSION_MAX = 64;
const CONTROL_CHARACTER = /\p{Cc}/u;
const { path: METHOD } = PnGatewayServiceService.reportCapabilities;

@Injectable()
export class ReportCapabilities {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly entities: EntityRecords,
    private readonly proofs: VerifyProof,
    private readonly clock: Clock,
  ) {}

  /**
   * What the entity's own bytes say is recorded, under its own proof; a gateway is not believed about it.
   * @returns when it was recorded, Unix milliseconds
   * @throws CpnsError a field's reason; PROOF_MISSING with `proof` = `entity`; PN_MISMATCH; KEY_UNKNOWN, KEY_REVOKED,
   *   KEY_SUSPENDED, KEY_EXPIRED; PROOF_MAC, PROOF_OUTSIDE_WINDOW, PROOF_REPLAYED; REQUEST_OVERTAKEN
   */
  async report(request: DeviceCapabilitiesServiceReportCapabilitiesRequest, gateway: EntityName): Promise<number> {
    const entity = parseEntityUri(request.entity, 'entity');
    const { proof, requestDigest, message } = checkEntityRequest(request, PnGatewayServiceReportCapabilitiesRequest);
    const capabilities = checkCapabilities(message.capabilities);
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway reports for entities of its own PN only');
    const call = { audience: this.own.uri, method: METHOD, requestDigest };
    const { keyId } = await this.proofs.prove(proof, call, gateway.uri);
    const wanted = { key: at(KEY), found: at(CAPABILITIES) };
    return this.entities.transact(entity, wanted, ({ key, found }) => {
      const recordedAt = this.clock.now();
      if (key?.keyId !== keyId) throw unauthenticated('KEY_UNKNOWN', 'the key was replaced meanwhile: prove anew');
      checkLive(key, recordedAt);
      if (proof.timeMs <= (found?.provenAt ?? 0))
        throw failedPrecondition('REQUEST_OVERTAKEN', 'a later report of the entity was recorded before');
      const record = { ...capabilities, recordedAt, reportedThrough: gateway.uri, provenAt: proof.timeMs };
      return { result: recordedAt, put: { found: record } };
    });
  }

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async get(request: GetCapabilitiesRequest): Promise<GetCapabilitiesResponse> {
    const entity = parseEntityUri(request.entity, 'entity');
    const { found } = await this.entities.read(entity, { found: at(CAPABILITIES) });
    if (found === undefined) throw new CpnsError('NOT_FOUND', 'the entity has not reported');
    const { linkSecurity, keyStorage, softwareVersion, recordedAt, reportedThrough } = found;
    return {
      capabilities: { linkSecurity, keyStorage, softwareVersion },
      recordedAt: BigInt(recordedAt),
      reportedThrough,
    };
  }
}

/** A value that is not said counts as the lowest. */
function checkCapabilities(
  message: DeviceCapabilities | undefined,
): Pick<CapabilitiesRecord, 'linkSecurity' | 'keyStorage' | 'softwareVersion'> {
  const { linkSecurity, keyStorage, softwareVersion } = fields.present(message, 'capabilities');
  const outside = (field: string) =>
    invalidArgument('FIELD_OUT_OF_RANGE', `${field} is none of its values`, { metadata: { field } });
  if (!(linkSecurity in LinkSecurity) || linkSecurity < LinkSecurity.LINK_SECURITY_UNSPECIFIED)
    throw outside('link_security');
  if (!(keyStorage in KeyStorage) || keyStorage < KeyStorage.KEY_STORAGE_UNSPECIFIED) throw outside('key_storage');
  const field = { metadata: { field: 'software_version' } };
  if ([...softwareVersion].length > VERSION_MAX)
    throw invalidArgument('FIELD_TOO_LONG', `software_version has ${VERSION_MAX} characters at most`, field);
  if (CONTROL_CHARACTER.test(softwareVersion))
    throw invalidArgument('NAME_INVALID', 'software_version is text without control characters', field);
  return { linkSecurity, keyStorage, softwareVersion };
}
