/** The Device Capabilities Function (5.3.1.12.6.1): what a PNE says of itself, as its gateway relays it (GK-SECLEVEL). */
import {
  fields,
  KeyStorage,
  LinkSecurity,
  type DeviceCapabilities,
  type DeviceCapabilitiesServiceReportCapabilitiesRequest,
  type GetCapabilitiesRequest,
  type GetCapabilitiesResponse,
} from '@cpns/contracts';
import {
  Clock,
  CpnsError,
  invalidArgument,
  parseEntityUri,
  permissionDenied,
  samePn,
  unauthenticated,
  type EntityName,
} from '@cpns/core';
import { checkLive } from '@cpns/entity-user-key';
import { checkSize, KEY_ID_BYTES } from '@cpns/key-derivation';
import { at, defineRecord, jsonField, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LiveKeys } from '../entities/live-keys';
import { EntityRecords, KEY, type KeyRecord } from '../entities/records';

/** What an entity said of itself last; beside its key, so that one commit looks at both. */
export const CAPABILITIES = defineRecord('capabilities', {
  linkSecurity: jsonField<number>(),
  keyStorage: jsonField<number>(),
  softwareVersion: jsonField<string>(),
  recordedAt: jsonField<number>(),
  /** E of the gateway that relayed the report. */
  reportedThrough: jsonField<string>(),
});
type CapabilitiesRecord = ValueIn<typeof CAPABILITIES>;

const VERSION_MAX = 64;
const VERSION = /^[\x20-\x7e]*$/;

type Authentication = DeviceCapabilitiesServiceReportCapabilitiesRequest['authenticatedBy'];

@Injectable()
export class ReportCapabilities {
  constructor(
    private readonly entities: EntityRecords,
    private readonly keys: LiveKeys,
    private readonly clock: Clock,
  ) {}

  /**
   * A gateway is believed about calls of entities of its own PN; that the key is live, the Server sees for itself.
   * @returns when it was recorded, Unix milliseconds
   * @throws CpnsError a field's reason; PN_MISMATCH; KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED
   */
  async report(request: DeviceCapabilitiesServiceReportCapabilitiesRequest, gateway: EntityName): Promise<number> {
    const entity = parseEntityUri(request.entity, 'entity');
    const capabilities = checkCapabilities(request.capabilities);
    const matches = checkAuthentication(request.authenticatedBy);
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway reports for entities of its own PN only');
    const shown = await this.keys.read(entity);
    if (shown !== undefined && matches(shown)) await this.keys.check(shown);
    const wanted = { key: at(KEY), capabilities: at(CAPABILITIES) };
    return this.entities.transact(entity, wanted, ({ key }) => {
      const recordedAt = this.clock.now();
      if (key === undefined || !matches(key)) throw unauthenticated('KEY_UNKNOWN', 'register the key first');
      checkLive(key, recordedAt);
      return {
        result: recordedAt,
        put: { capabilities: { ...capabilities, recordedAt, reportedThrough: gateway.uri } },
      };
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

function checkCapabilities(
  message: DeviceCapabilities | undefined,
): Omit<CapabilitiesRecord, 'recordedAt' | 'reportedThrough'> {
  const { linkSecurity, keyStorage, softwareVersion } = fields.present(message, 'capabilities');
  const outside = (field: string) =>
    invalidArgument('FIELD_OUT_OF_RANGE', `${field} is none of its values`, { metadata: { field } });
  if (!(linkSecurity in LinkSecurity) || linkSecurity <= LinkSecurity.LINK_SECURITY_UNSPECIFIED)
    throw outside('link_security');
  if (!(keyStorage in KeyStorage) || keyStorage <= KeyStorage.KEY_STORAGE_UNSPECIFIED) throw outside('key_storage');
  const field = { metadata: { field: 'software_version' } };
  if (softwareVersion.length > VERSION_MAX)
    throw invalidArgument('FIELD_TOO_LONG', `software_version has ${VERSION_MAX} characters at most`, field);
  if (!VERSION.test(softwareVersion))
    throw invalidArgument('NAME_INVALID', 'software_version is printable ASCII', field);
  return { linkSecurity, keyStorage, softwareVersion };
}

function checkAuthentication(by: Authentication): (key: KeyRecord) => boolean {
  const { $case, value } = fields.present(by, 'authenticated_by');
  if ($case === 'keyId') {
    checkSize(value, KEY_ID_BYTES, 'key_id');
    return (key) => key.form === 'secret' && key.keyId === value.toString('hex');
  }
  fields.digest(value, 'certificate_digest');
  return (key) => key.certificateDigest?.equals(value) ?? false;
}
