/** What operators see of Entity-User Keys. */
import {
  KeyState,
  wireKeyForm,
  type EntityUserKeyInfo,
  type GetEntityUserKeyRequest,
  type GetEntityUserKeyResponse,
  type ListEntityUserKeysRequest,
} from '@cpns/contracts';
import { Clock, CpnsError, parseEntityUri } from '@cpns/core';
import { keyIdBytes } from '@cpns/key-derivation';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LastSeen } from '../entities/last-seen';
import { LiveKeys } from '../entities/live-keys';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  EntityRecords,
  isInUse,
  KEY,
  type AdmissionRecord,
  type KeyRecord,
} from '../entities/records';

/** What an operator may see of keys: everything but the keys. */
@Injectable()
export class ListEntityUserKeys {
  constructor(
    private readonly entities: EntityRecords,
    private readonly keys: LiveKeys,
    private readonly lastSeen: LastSeen,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async get(request: GetEntityUserKeyRequest): Promise<GetEntityUserKeyResponse> {
    const entity = parseEntityUri(request.entity, 'entity');
    const key = await this.describe(entity.uri);
    if (key === undefined) throw new CpnsError('NOT_FOUND', 'the entity has no key');
    const seen = await this.lastSeen.of(entity);
    return { key, lastSeenAt: BigInt(seen?.at ?? 0), lastSeenGateway: seen?.gateway ?? '' };
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
    if (key !== undefined) {
      const isEnded = isInUse(key) && !(await this.keys.isAssignerInForce(key));
      return keyInfo(entity, isEnded ? { ...key, state: 'revoked' } : key, this.clock.now());
    }
    const newest = head?.tokenIds.at(-1);
    if (newest === undefined) return undefined;
    const { admission } = await this.entities.read(name, { admission: at(ADMISSION, admissionName(newest)) });
    return admission?.certificateDigest === undefined ? undefined : assignedInfo(entity, admission);
  }
}

function stateOf(key: KeyRecord, now: number): KeyState {
  if (key.state === 'revoked') return KeyState.KEY_STATE_REVOKED;
  if (key.state === 'replaced') return KeyState.KEY_STATE_REPLACED;
  if (key.state === 'suspended') return KeyState.KEY_STATE_SUSPENDED;
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
