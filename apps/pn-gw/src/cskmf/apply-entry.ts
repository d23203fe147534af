/** What a PN GW does with each entry of its delivery log. Every effect is the same when an entry comes twice. */
import {
  type FirstSeedImport,
  type FirstSeedRevocation,
  type GatewayGroupKeyDelivery,
  type KeyRevocation,
  type OpenDeliveryChannelResponse,
  type TokenGrant,
  type TokenRevocation,
  fields,
  keyForm,
} from '@cpns/contracts';
import {
  type FirstSeed,
  CpnsError,
  TokenAuthKey,
  checkFirstSeedId,
  checkTokenId,
  checkUserId,
  parseEntityUri,
} from '@cpns/core';
import { advanceAdmission, TOKEN_MAX_LIFE_MS } from '@cpns/entity-user-key';
import { checkSize, KEY_ID_BYTES } from '@cpns/key-derivation';
import { at, expiring } from '@cpns/store';
import type { GatewayContext } from '../context';
import { checkAddressee } from '../entity-user-key/check-addressee';
import type { FirstSeeds } from '../entity-user-key/provision-gateway/first-seeds';
import {
  ASSIGNED_KEY,
  entityAggregate,
  GRANT,
  GRANT_KEPT_MS,
  grantName,
  REVOKED_TOKEN,
  revokedTokenName,
  type GrantRecord,
} from '../records/gateway-records';
import { isRefusal } from '../groups/refusal';
import type { AcceptPush } from './accept-push/accept-push';
import type { GroupKeyHub } from './watch-group-keys/group-key-hub';

/** Where 1st seeds lie that were put in at manufacture (Q2). */
export interface ManufacturedSeeds {
  /** @returns undefined when there is none of that id */
  load(firstSeedId: string): Promise<FirstSeed | undefined>;
}

export interface ApplyEntryParts {
  readonly gateway: GatewayContext;
  readonly seeds: FirstSeeds;
  readonly manufactured: ManufacturedSeeds;
  readonly pushes: AcceptPush;
  readonly hub: GroupKeyHub;
}

export class ApplyEntry {
  readonly #parts: ApplyEntryParts;

  constructor(parts: ApplyEntryParts) {
    this.#parts = parts;
  }

  /** @throws CpnsError a field's reason; an entry of a kind that this gateway does not know is MALFORMED_MESSAGE */
  async execute({ entry, traceparent }: OpenDeliveryChannelResponse): Promise<void> {
    switch (entry?.$case) {
      case 'tokenGrant':
        return this.grant(entry.value);
      case 'tokenRevocation':
        return this.revokeToken(entry.value);
      case 'firstSeedRevocation':
        return this.destroySeed(entry.value);
      case 'firstSeedImport':
        return this.adoptSeed(entry.value);
      case 'keyRevocation':
        return this.forgetKey(entry.value);
      case 'groupKey':
        return this.push(entry.value, traceparent);
      case undefined:
        throw new CpnsError('MALFORMED_MESSAGE', 'the delivery channel brought an entry of an unknown kind');
    }
  }

  /** One that can never be good must not keep what comes after it from the gateway: its members ask for the key. */
  private async push(message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    try {
      await this.#parts.pushes.execute(message, traceparent);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { groupId, version } = message.statement ?? {};
      this.#parts.gateway.logger.error('a pushed Group Key was refused', { groupId, version: String(version), error });
    }
  }

  private async grant(message: TokenGrant): Promise<void> {
    const entity = parseEntityUri(message.entity, 'entity');
    checkAddressee(this.#parts.gateway.name, entity);
    const tokenId = checkTokenId(message.tokenId, 'token_id');
    const granted: GrantRecord = {
      tokenId,
      entity: entity.uri,
      user: checkUserId(message.user, 'user'),
      form: keyForm(message.form),
      state: 'open',
      admittedAt: fields.time(message.admittedAt, 'admitted_at'),
      expiresAt: fields.time(message.expiresAt, 'expires_at'),
      authKey: new TokenAuthKey(fields.secret(message.tokenAuthKey, 'token_auth_key')),
    };
    const wanted = { grant: at(GRANT, grantName(tokenId)), revoked: at(REVOKED_TOKEN, revokedTokenName(tokenId)) };
    await this.#parts.gateway.records.transact(entityAggregate(entity.uri), wanted, ({ grant, revoked }) =>
      // one that is there may be spent already
      grant === undefined && revoked === undefined
        ? { result: undefined, put: { grant: expiring(granted, granted.expiresAt + GRANT_KEPT_MS) } }
        : { result: undefined },
    );
  }

  private async revokeToken(message: TokenRevocation): Promise<void> {
    const entity = parseEntityUri(message.entity, 'entity');
    const tokenId = checkTokenId(message.tokenId, 'token_id');
    const wanted = { grant: at(GRANT, grantName(tokenId)), revoked: at(REVOKED_TOKEN, revokedTokenName(tokenId)) };
    await this.#parts.gateway.records.transact(entityAggregate(entity.uri), wanted, ({ grant }) => {
      const now = this.#parts.gateway.clock.now();
      if (grant === undefined)
        return { result: undefined, put: { revoked: expiring({ revokedAt: now }, now + TOKEN_MAX_LIFE_MS) } };
      const next = { ...grant, state: advanceAdmission(grant.state, 'revoke') };
      return { result: undefined, put: { grant: expiring(next, grant.expiresAt + GRANT_KEPT_MS) } };
    });
  }

  /** Without the key here, proofs of it go to the Server, which knows what became of it. */
  private async forgetKey(message: KeyRevocation): Promise<void> {
    const entity = parseEntityUri(message.entity, 'entity');
    checkSize(message.keyId, KEY_ID_BYTES, 'key_id');
    const keyId = message.keyId.toString('hex');
    await this.#parts.gateway.records.transact(entityAggregate(entity.uri), { key: at(ASSIGNED_KEY) }, ({ key }) =>
      key?.keyId === keyId ? { result: undefined, put: { key: null } } : { result: undefined },
    );
    this.#parts.hub.keyEnded(entity.uri, keyId);
  }

  private async destroySeed({ firstSeedId }: FirstSeedRevocation): Promise<void> {
    await this.#parts.seeds.destroy(checkFirstSeedId(firstSeedId, 'first_seed_id'));
  }

  private async adoptSeed(message: FirstSeedImport): Promise<void> {
    const firstSeedId = checkFirstSeedId(message.firstSeedId, 'first_seed_id');
    const seed = await this.#parts.manufactured.load(firstSeedId).catch((error: unknown) => {
      this.#parts.gateway.logger.error('the 1st seed that was put into this gateway cannot be read', {
        firstSeedId,
        error,
      });
      return undefined;
    });
    if (seed === undefined) {
      // the operator's entry does not fit this gateway: what comes after it must not wait for that
      this.#parts.gateway.logger.error('no 1st seed of that id was put into this gateway', { firstSeedId });
      return;
    }
    const limits = {
      firstSeedId,
      assignUntil: fields.time(message.assignUntil, 'assign_until'),
      registerUntil: fields.time(message.registerUntil, 'register_until'),
      maxEntities: message.maxEntities,
      revoked: false,
    };
    await this.#parts.seeds.adopt(limits, seed);
  }
}
