/** What a PN GW keeps of the entities of its PN, so that it assigns keys while the CPNS Server is away. */
import { fields, keyForm, type TokenGrant, type TokenRevocation } from '@cpns/contracts';
import {
  checkTokenId,
  checkUserId,
  Clock,
  duration,
  EntityUserKey,
  parseEntityUri,
  TokenAuthKey,
  unauthenticated,
} from '@cpns/core';
import { type AdmissionState, advanceAdmission, TOKEN_MAX_LIFE_MS } from '@cpns/entity-user-key';
import type { ProvenCaller } from '@cpns/grpc';
import {
  deriveConfirmKey,
  type KeyForm,
  keyIdBytes,
  parseProof,
  type Proof,
  PROOF_NONCE_LIFE_MS,
  type ProofCall,
  verifyProof,
} from '@cpns/key-derivation';
import {
  type Aggregate,
  at,
  defineRecord,
  expiring,
  jsonField,
  optional,
  Records,
  secretField,
  Store,
  type ValueIn,
} from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { checkAddressee, OwnGateway } from '../common/own-gateway';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { ServerClients } from '../peers/peer-clients';

/** One entity of the PN. @param entity E */
export const entityAggregate = (entity: string): Aggregate => ({ kind: 'entity', id: entity });

/** An admission that names this gateway as assigner, as the Server granted it. */
export const GRANT = defineRecord('grant', {
  tokenId: jsonField<string>(),
  entity: jsonField<string>(),
  user: jsonField<string>(),
  form: jsonField<KeyForm>(),
  state: jsonField<AdmissionState>(),
  /** Unix milliseconds. */
  admittedAt: jsonField<number>(),
  expiresAt: jsonField<number>(),
  /** A */
  authKey: secretField(TokenAuthKey),
  /** Of the newest snapshot that named it, or in which it came; it counts while no later one is in force. */
  generation: optional(jsonField<bigint>()),
  /** The request that spent it, by its SHA-256, and the encoded reply. */
  spent: optional(jsonField<{ readonly digest: Buffer; readonly reply: Buffer }>()),
});
export type GrantRecord = ValueIn<typeof GRANT>;

export const grantName = (tokenId: string): string => `grant.${tokenId}`;

/** How long a grant is kept after its token ended, so that a late request gets TOKEN_EXPIRED; milliseconds. */
export const GRANT_KEPT_MS = duration(30, 'day');

/** A token that was revoked before it was granted: when the grant comes, it is void. */
export const REVOKED_TOKEN = defineRecord('revoked', { revokedAt: jsonField<number>() });

const grantOrRevocation = (tokenId: string) => ({
  grant: at(GRANT, grantName(tokenId)),
  revoked: at(REVOKED_TOKEN, `revoked.${tokenId}`),
});

const assignedKey = {
  /** S */
  secret: secretField(EntityUserKey),
  user: jsonField<string>(),
  /** 32 hexadecimal digits. */
  keyId: jsonField<string>(),
  notAfter: jsonField<number>(),
  /** Of the admission that it came from, Unix milliseconds. */
  admittedAt: jsonField<number>(),
  /** The same; empty in a record from before this was kept. */
  tokenId: optional(jsonField<string>()),
};

/** The newest secret that this gateway assigned, until the Server says that it is registered: it proves nothing here. */
export const ASSIGNED_KEY = defineRecord('key', assignedKey);
export type AssignedKeyRecord = ValueIn<typeof ASSIGNED_KEY>;

/** The newest of them that is registered: this gateway verifies proofs of it. */
export const REGISTERED_KEY = defineRecord('registered', assignedKey);

/** Both, of an entity; the one that is only assigned is the newer. */
export const ASSIGNED_KEYS = { key: at(ASSIGNED_KEY), registered: at(REGISTERED_KEY) };

/** Admissions that name this gateway as assigner, as the Server grants and revokes them. */
@Injectable()
export class TokenGrants {
  constructor(
    private readonly own: OwnGateway,
    private readonly credentials: LiveCredentials,
    private readonly records: Records,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; PN_MISMATCH */
  async keep(message: TokenGrant): Promise<void> {
    const entity = parseEntityUri(message.entity, 'entity');
    checkAddressee(this.own.name, entity);
    const tokenId = checkTokenId(message.tokenId, 'token_id');
    const generation = await this.credentials.newestGeneration();
    const granted: GrantRecord = {
      tokenId,
      entity: entity.uri,
      user: checkUserId(message.user, 'user'),
      form: keyForm(message.form),
      state: 'open',
      admittedAt: fields.time(message.admittedAt, 'admitted_at'),
      expiresAt: fields.time(message.expiresAt, 'expires_at'),
      authKey: new TokenAuthKey(fields.secret(message.tokenAuthKey, 'token_auth_key')),
      generation,
    };
    await this.records.transact(entityAggregate(entity.uri), grantOrRevocation(tokenId), ({ grant, revoked }) => {
      if (revoked !== undefined || grant?.generation === generation) return { result: undefined };
      // one that is there may be spent already
      const next: GrantRecord = grant === undefined ? granted : { ...grant, generation };
      return { result: undefined, put: { grant: expiring(next, next.expiresAt + GRANT_KEPT_MS) } };
    });
  }

  /** @throws CpnsError a field's reason */
  async revoke(message: TokenRevocation): Promise<void> {
    const entity = parseEntityUri(message.entity, 'entity');
    const tokenId = checkTokenId(message.tokenId, 'token_id');
    const wanted = { ...grantOrRevocation(tokenId), key: at(ASSIGNED_KEY) };
    await this.records.transact(entityAggregate(entity.uri), wanted, ({ grant, key }) => {
      const now = this.clock.now();
      // the Server registers no key of this admission any more
      const unregistered = key?.tokenId === tokenId && ({ key: null } as const);
      if (grant === undefined) {
        const revoked = expiring({ revokedAt: now }, now + TOKEN_MAX_LIFE_MS);
        return { result: undefined, put: { revoked, ...unregistered } };
      }
      const next = { ...grant, state: advanceAdmission(grant.state, 'revoke') };
      const ended = expiring(next, grant.expiresAt + GRANT_KEPT_MS);
      return { result: undefined, put: { grant: ended, ...unregistered } };
    });
  }
}

/** The secrets that this gateway assigned. */
@Injectable()
export class AssignedKeys {
  constructor(
    private readonly credentials: LiveCredentials,
    private readonly records: Records,
  ) {}

  /**
   * The secret of a live key, where this gateway assigned it: also of one that was registered through another gateway.
   * @param entity E
   * @param keyId in text
   */
  async findLive(entity: string, keyId: string): Promise<AssignedKeyRecord | undefined> {
    const { key, registered } = await this.records.read(entityAggregate(entity), ASSIGNED_KEYS);
    if (registered?.keyId === keyId) return registered;
    if (key?.keyId !== keyId) return undefined;
    await this.noteRegistered(entity, keyId);
    return key;
  }

  /**
   * The Server said that a key is registered: where this gateway assigned it, its secret is kept until the next one is. One
   * that ended meanwhile is gone from here, and does not come back.
   * @param entity E
   * @param keyId in text
   */
  noteRegistered(entity: string, keyId: string): Promise<void> {
    return this.records.transact(entityAggregate(entity), ASSIGNED_KEYS, ({ key }) =>
      key?.keyId === keyId
        ? { result: undefined, put: { key: null, registered: expiring(key, key.notAfter) } }
        : { result: undefined },
    );
  }

  /** Secrets of keys that ended go. @param entity E */
  async dropEnded(entity: string): Promise<void> {
    const ended = await this.credentials.endedKeys(entity);
    if (ended.size === 0) return;
    await this.records.transact(entityAggregate(entity), ASSIGNED_KEYS, ({ key, registered }) => ({
      result: undefined,
      put: {
        ...(key && ended.has(key.keyId) && { key: null }),
        ...(registered && ended.has(registered.keyId) && { registered: null }),
      },
    }));
  }
}

/** It asks for itself. */
const NO_RELAY = { relay: '', relayCertificateDigest: Buffer.alloc(0) };

/**
 * Who holds S of a registered key verifies (protocol.md, "Proof of a secret, on each call"): the gateway itself for those
 * that it assigned and knows to be registered, else the Server on its behalf.
 */
@Injectable()
export class VerifyProof {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly credentials: LiveCredentials,
    private readonly keys: AssignedKeys,
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /**
   * Checks 2 to 5 of a proof's caller.
   * @throws CpnsError PN_MISMATCH; what {@link LiveCredentials.check} throws; PROOF_MAC, PROOF_OUTSIDE_WINDOW, PROOF_REPLAYED
   */
  async execute(bytes: Buffer, method: string, requestDigest: Buffer): Promise<ProvenCaller> {
    const proof = parseProof(bytes);
    checkAddressee(this.own.name, parseEntityUri(proof.entity));
    await this.credentials.check(proof.entity, { keyId: proof.keyId });
    const key = await this.keys.findLive(proof.entity, proof.keyId);
    if (key === undefined) return this.server.proof.verifyProof({ proof: bytes, method, requestDigest, ...NO_RELAY });
    return this.verifyHere(key, proof, { audience: this.own.uri, method, requestDigest });
  }

  private async verifyHere(key: AssignedKeyRecord, proof: Proof, call: ProofCall): Promise<ProvenCaller> {
    const now = this.clock.now();
    const confirmKey = deriveConfirmKey(key.secret);
    verifyProof(confirmKey, proof, call, now);
    confirmKey.destroy();
    const name = `nonce.${Buffer.from(proof.nonce).toString('hex')}`;
    const { ok } = await this.store.commit(
      { kind: 'proof', id: proof.entity },
      {
        expect: [{ name, revision: 'absent' }],
        put: [{ name, value: Buffer.alloc(0), expiresAt: now + PROOF_NONCE_LIFE_MS }],
      },
    );
    if (!ok) throw unauthenticated('PROOF_REPLAYED', 'make a new proof for each call');
    return { entity: proof.entity, user: key.user, keyId: keyIdBytes(key.keyId) };
  }
}
