import { CredentialState, wireKeyForm, type EntityCredential } from '@cpns/contracts';
import type { EntityName } from '@cpns/core';
import { keyIdBytes } from '@cpns/key-derivation';
import { OwnIdentity } from '@cpns/platform';
import { at, revisionOf } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LiveKeys } from './live-keys';
import { ENTITY_HEAD, EntityRecords, isInUse, KEY, type KeyRecord } from './records';

const WANTED = { key: at(KEY), head: at(ENTITY_HEAD) };
const NO_DIGEST = Buffer.alloc(0);

interface CredentialAndTokens {
  readonly credential: EntityCredential | undefined;
  readonly tokenIds: readonly string[];
}

/** The live credential: the present state of an entity's newest key, as every gateway of its Personal Network is told it. */
@Injectable()
export class Credentials {
  constructor(
    private readonly own: OwnIdentity,
    private readonly entities: EntityRecords,
    private readonly keys: LiveKeys,
  ) {}

  /** Undefined for an entity that never had a key. Its revision is that of the key's record. */
  async of(entity: EntityName): Promise<EntityCredential | undefined> {
    return (await this.withTokens(entity)).credential;
  }

  /** With the ids of the tokens that did not lead to this key: all as of one moment. */
  async withTokens(entity: EntityName): Promise<CredentialAndTokens> {
    const seen = await this.entities.snapshot(entity, WANTED);
    const { key, head } = seen.found;
    const tokenIds = head?.tokenIds ?? [];
    if (key === undefined) return { credential: undefined, tokenIds };
    key.secret.destroy();
    const credential = {
      entity: entity.uri,
      revision: revisionOf(KEY, seen),
      life: head?.life ?? 1n,
      state: await this.stateOf(key),
      keyId: keyIdBytes(key.keyId),
      form: wireKeyForm(key.form),
      certificateDigest: key.certificateDigest ?? NO_DIGEST,
      user: key.user,
      assigner: key.assigner,
      assignerLife: key.assigner === this.own.uri ? 0n : (key.assignerLife ?? 1n),
      notAfter: BigInt(key.notAfter),
    };
    return { credential, tokenIds: tokenIds.filter((id) => id !== key.tokenId) };
  }

  private async stateOf(key: KeyRecord): Promise<CredentialState> {
    if (!isInUse(key) || !(await this.keys.isAssignerInForce(key))) return CredentialState.CREDENTIAL_STATE_ENDED;
    return key.state === 'suspended'
      ? CredentialState.CREDENTIAL_STATE_SUSPENDED
      : CredentialState.CREDENTIAL_STATE_LIVE;
  }
}
