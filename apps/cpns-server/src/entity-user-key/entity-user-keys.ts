/** What operators see of Entity-User Keys, and how they end one. */
import {
  KeyState,
  wireKeyForm,
  type EntityUserKeyInfo,
  type GetEntityUserKeyRequest,
  type ListEntityUserKeysRequest,
  type RevokeEntityUserKeyRequest,
} from '@cpns/contracts';
import { Clock, CpnsError, failedPrecondition, parseEntityUri, type EntityName } from '@cpns/core';
import { advanceKey } from '@cpns/entity-user-key';
import { checkSize, KEY_ID_BYTES, keyIdBytes } from '@cpns/key-derivation';
import { OwnIdentity } from '@cpns/platform';
import { at, expiring } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  EntityRecords,
  KEY,
  retire,
  RETIRED,
  type AdmissionRecord,
  type KeyRecord,
} from '../entities/records';
import { EndedCertificates } from '../certificates/ended-certificates';
import { DeliveryChannels, GatewayLog } from '../gateway-delivery/gateway-delivery';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayCaName,
  GatewayRecords,
  IDENTITY,
  PROVISIONED,
  type ProvisionedItem,
} from '../gateways/records';

@Injectable()
export class TellAssigner {
  constructor(
    private readonly own: OwnIdentity,
    private readonly log: GatewayLog,
  ) {}

  /** A gateway verifies proofs of the keys that it assigned, until it hears here that one has ended. */
  async execute(entity: string, ending: KeyRecord): Promise<void> {
    if (ending.assigner === this.own.uri || ending.form !== 'secret') return;
    await this.log.append(ending.assigner, `key-revoked.${ending.keyId}`, {
      $case: 'keyRevocation',
      value: { entity, keyId: keyIdBytes(ending.keyId) },
    });
  }
}

/** Ends a key, or a gateway's identity. The record is rewritten, never removed: absence grants nothing. */
@Injectable()
export class RevokeEntityUserKey {
  constructor(
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly channels: DeliveryChannels,
    private readonly tellAssigner: TellAssigner,
    private readonly certificates: EndedCertificates,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND; KEY_REVOKED when the key that is meant was replaced */
  async execute(request: RevokeEntityUserKeyRequest): Promise<KeyRecord | undefined> {
    const entity = parseEntityUri(request.entity, 'entity');
    if (request.keyId.length > 0) checkSize(request.keyId, KEY_ID_BYTES, 'key_id');
    const wantedId = request.keyId.toString('hex');
    const wanted = { key: at(KEY), retired: at(RETIRED) };
    const identityEnded = entity.entityType === 'pn-gw' && wantedId === '' && (await this.endIdentity(entity));
    if (identityEnded) this.channels.endOf(entity.uri);
    const revoked = await this.entities.transact(entity, wanted, ({ key, retired }) => {
      if (key === undefined) {
        if (identityEnded) return { result: undefined };
        throw new CpnsError('NOT_FOUND', 'the entity has no key; what was not registered ends with its admission');
      }
      if (wantedId !== '' && key.keyId !== wantedId)
        throw failedPrecondition('KEY_REVOKED', 'another key took the place of the one that is meant');
      const next = { ...key, state: advanceKey(key.state, 'revoke') };
      return { result: next, put: { key: next, retired: retire(retired, key, this.clock.now()) } };
    });
    // once the record says so: a crash in between is mended by saying it again
    if (revoked !== undefined) await this.tellAssigner.execute(entity.uri, revoked);
    return revoked;
  }

  /** With its identity end its 1st seeds and CA certificates, so that a thief of them can assign nothing either. */
  private async endIdentity({ uri }: EntityName): Promise<boolean> {
    await this.certificates.endIdentity(await this.gateways.identityOf(uri));
    const { provisioned } = await this.gateways.read(uri, { provisioned: at(PROVISIONED) });
    const seeds = refs(provisioned?.firstSeeds, (id) => at(FIRST_SEED, firstSeedName(id)));
    const cas = refs(provisioned?.cas, (id) => at(GATEWAY_CA, gatewayCaName(id)));
    await this.gateways.transact(uri, seeds, (found) => ({
      result: undefined,
      put: ended(found, ({ registerUntil }) => registerUntil),
    }));
    await this.gateways.transact(uri, cas, (found) => ({
      result: undefined,
      put: ended(found, ({ notAfter }) => notAfter),
    }));
    const endedIdentity = await this.gateways.transact(uri, { identity: at(IDENTITY) }, ({ identity }) => {
      if (identity === undefined) return { result: identity };
      const revoked = { ...identity, state: 'revoked' as const };
      return { result: revoked, put: { identity: revoked } };
    });
    await this.certificates.endIdentity(endedIdentity);
    return endedIdentity !== undefined;
  }
}

const refs = <T>(items: readonly ProvisionedItem[] | undefined, refer: (id: string) => T): Record<string, T> =>
  Object.fromEntries((items ?? []).map(({ id }) => [id, refer(id)]));

/** Each of them as revoked, with the end that its record has. */
function ended<T extends object>(found: Readonly<Record<string, T | undefined>>, endOf: (record: T) => number) {
  const there = Object.entries(found).flatMap(([id, record]) => (record === undefined ? [] : [[id, record] as const]));
  return Object.fromEntries(there.map(([id, record]) => [id, expiring({ ...record, revoked: true }, endOf(record))]));
}

/** What an operator may see of keys: everything but the keys. */
@Injectable()
export class ListEntityUserKeys {
  constructor(
    private readonly entities: EntityRecords,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async get(request: GetEntityUserKeyRequest): Promise<EntityUserKeyInfo> {
    const key = await this.describe(parseEntityUri(request.entity, 'entity').uri);
    if (key === undefined) throw new CpnsError('NOT_FOUND', 'the entity has no key');
    return key;
  }

  /** @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async list(request: ListEntityUserKeysRequest): Promise<{ keys: EntityUserKeyInfo[]; nextPageToken: string }> {
    const { items, next } = await this.entities.list(request);
    const keys = await Promise.all(items.map((entity) => this.describe(entity)));
    return { keys: keys.filter((key) => key !== undefined), nextPageToken: next };
  }

  private async describe(entity: string): Promise<EntityUserKeyInfo | undefined> {
    const name = parseEntityUri(entity);
    const { key, head } = await this.entities.read(name, { key: at(KEY), head: at(ENTITY_HEAD) });
    if (key !== undefined) return keyInfo(entity, key, this.clock.now());
    const newest = head?.tokenIds.at(-1);
    if (newest === undefined) return undefined;
    const { admission } = await this.entities.read(name, { admission: at(ADMISSION, admissionName(newest)) });
    return admission?.certificateDigest === undefined ? undefined : assignedInfo(entity, admission);
  }
}

function stateOf(key: KeyRecord, now: number): KeyState {
  if (key.state === 'revoked') return KeyState.KEY_STATE_REVOKED;
  if (key.state === 'replaced') return KeyState.KEY_STATE_REPLACED;
  return now >= key.notAfter ? KeyState.KEY_STATE_EXPIRED : KeyState.KEY_STATE_LIVE;
}

export const keyInfo = (entity: string, key: KeyRecord, now: number): EntityUserKeyInfo => ({
  entity,
  user: key.user,
  form: wireKeyForm(key.form),
  assigner: key.assigner,
  state: stateOf(key, now),
  keyId: keyIdBytes(key.keyId),
  notAfter: BigInt(key.notAfter),
  registeredAt: BigInt(key.registeredAt),
  certificateDigest: key.certificateDigest ?? Buffer.alloc(0),
  tokenId: key.tokenId,
});

const assignedInfo = (entity: string, admission: AdmissionRecord): EntityUserKeyInfo => ({
  entity,
  user: admission.user,
  form: wireKeyForm(admission.form),
  assigner: admission.assigner,
  state: KeyState.KEY_STATE_ASSIGNED,
  keyId: Buffer.alloc(0),
  notAfter: BigInt(admission.certificateNotAfter ?? 0),
  registeredAt: 0n,
  certificateDigest: admission.certificateDigest ?? Buffer.alloc(0),
  tokenId: admission.tokenId,
});
