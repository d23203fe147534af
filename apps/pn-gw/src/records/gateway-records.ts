/** What a PN GW keeps: in its own embedded store, so that it goes on while the CPNS Server is away. */
import { duration, EntityUserKey, FirstSeed, PrivateKeyDer, TokenAuthKey } from '@cpns/core';
import type { AdmissionState } from '@cpns/entity-user-key';
import type { KeyForm } from '@cpns/key-derivation';
import { defineRecord, jsonField, optional, secretField, type ValueIn, type Aggregate } from '@cpns/store';

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
  /** The request that spent it, by its SHA-256, and the encoded reply. */
  spent: optional(jsonField<{ readonly digest: Buffer; readonly reply: Buffer }>()),
});
export type GrantRecord = ValueIn<typeof GRANT>;

export const grantName = (tokenId: string): string => `grant.${tokenId}`;

/** How long a grant is kept after its token ended, so that whoever comes late is told so; milliseconds. */
export const GRANT_KEPT_MS = duration(30, 'day');

/** A token that was revoked before it was granted: when the grant comes, it is void. */
export const REVOKED_TOKEN = defineRecord('revoked', { revokedAt: jsonField<number>() });

export const revokedTokenName = (tokenId: string): string => `revoked.${tokenId}`;

/** A secret that this gateway assigned: it verifies proofs of it itself. */
export const ASSIGNED_KEY = defineRecord('key', {
  /** S */
  secret: secretField(EntityUserKey),
  user: jsonField<string>(),
  /** 32 hexadecimal digits. */
  keyId: jsonField<string>(),
  notAfter: jsonField<number>(),
  /** Of the admission that it came from, Unix milliseconds. */
  admittedAt: jsonField<number>(),
});
export type AssignedKeyRecord = ValueIn<typeof ASSIGNED_KEY>;

/** One 1st seed, in an aggregate of its own with the set of (E, user) that it serves. */
export const firstSeedAggregate = (firstSeedId: string): Aggregate => ({ kind: 'first-seed', id: firstSeedId });

export const FIRST_SEED = defineRecord('seed', {
  firstSeedId: jsonField<string>(),
  seed: secretField(FirstSeed),
  assignUntil: jsonField<number>(),
  registerUntil: jsonField<number>(),
  maxEntities: jsonField<number>(),
  revoked: jsonField<boolean>(),
  /** Unix milliseconds. */
  receivedAt: jsonField<number>(),
  /** How many different (E, user) it was used for. */
  assigned: jsonField<number>(),
});
export type FirstSeedRecord = ValueIn<typeof FIRST_SEED>;

export const SERVED_SET = 'served';
export const servedMember = (entity: string, user: string): string => `${entity}?user=${user}`;

/** What the gateway was provisioned with last, and what it is asking for. */
export const PROVISIONING_AGGREGATE: Aggregate = { kind: 'provisioning', id: 'own' };

/** The seed that new keys are derived from. */
export const CURRENT_SEED = defineRecord('current-seed', { firstSeedId: jsonField<string>() });

/** A request for a 1st seed that may be under way: after a crash the same one is sent again. */
export const SEED_REQUEST = defineRecord('seed-request', { requestId: jsonField<Buffer>() });

/** `ca`: what certificates are issued with; under {@link NEXT_CA}: what is asked for. */
export const GATEWAY_CA = defineRecord('ca', {
  privateKey: secretField(PrivateKeyDer),
  /** DER. */
  csr: jsonField<Buffer>(),
  /** DER, the gateway CA first, root last; absent while the request may be under way. */
  chain: optional(jsonField<readonly Buffer[]>()),
});
export type GatewayCaRecord = ValueIn<typeof GATEWAY_CA>;
export const NEXT_CA = 'next-ca';

/** How far the delivery log of the Server was worked off. */
export const DELIVERY_AGGREGATE: Aggregate = { kind: 'delivery', id: 'own' };
export const DELIVERED = defineRecord('delivered', { lastSequence: jsonField<bigint>() });
