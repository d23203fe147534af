/** What a PN GW keeps: in its own embedded store, so that it goes on while the CPNS Server is away. */
import { EntityUserKey, FirstSeed, PrivateKeyDer, TokenAuthKey } from '@cpns/core';
import type { AdmissionState, FirstSeedLimits, SpentToken } from '@cpns/entity-user-key';
import type { KeyForm } from '@cpns/key-derivation';
import { defineRecord, field, secretField } from '@cpns/records';
import type { Aggregate } from '@cpns/store';

/** One entity of the PN. @param entity E */
export const entityAggregate = (entity: string): Aggregate => ({ kind: 'entity', id: entity });

/** An admission that names this gateway as assigner, as the Server granted it. */
export interface GrantRecord {
  readonly tokenId: string;
  readonly entity: string;
  readonly user: string;
  readonly form: KeyForm;
  readonly state: AdmissionState;
  readonly expiresAt: number;
  /** A */
  readonly authKey: TokenAuthKey;
  readonly spent?: SpentToken;
}

export const GRANT = defineRecord<GrantRecord>({
  name: 'grant',
  fields: {
    tokenId: field(),
    entity: field(),
    user: field(),
    form: field(),
    state: field(),
    expiresAt: field(),
    authKey: secretField(TokenAuthKey),
    spent: field(),
  },
});

export const grantName = (tokenId: string): string => `grant.${tokenId}`;

/** A secret that this gateway assigned: it verifies proofs of it itself. */
export interface AssignedKeyRecord {
  /** S */
  readonly secret: EntityUserKey;
  readonly user: string;
  /** 32 hexadecimal digits. */
  readonly keyId: string;
  readonly notAfter: number;
}

export const ASSIGNED_KEY = defineRecord<AssignedKeyRecord>({
  name: 'key',
  fields: { secret: secretField(EntityUserKey), user: field(), keyId: field(), notAfter: field() },
});

/** One 1st seed, in an aggregate of its own with the set of (E, user) that it serves. */
export const firstSeedAggregate = (firstSeedId: string): Aggregate => ({ kind: 'first-seed', id: firstSeedId });

export interface FirstSeedRecord extends FirstSeedLimits {
  readonly seed: FirstSeed;
  /** How many different (E, user) it was used for. */
  readonly assigned: number;
}

export const FIRST_SEED = defineRecord<FirstSeedRecord>({
  name: 'seed',
  fields: {
    firstSeedId: field(),
    seed: secretField(FirstSeed),
    assignUntil: field(),
    registerUntil: field(),
    maxEntities: field(),
    revoked: field(),
    assigned: field(),
  },
});

export const SERVED_SET = 'served';
export const servedMember = (entity: string, user: string): string => `${entity}?user=${user}`;

/** What the gateway was provisioned with last, and what it is asking for. */
export const PROVISIONING_AGGREGATE: Aggregate = { kind: 'provisioning', id: 'own' };

/** The seed that new keys are derived from. */
export const CURRENT_SEED = defineRecord<{ readonly firstSeedId: string }>({
  name: 'current-seed',
  fields: { firstSeedId: field() },
});

/** A request for a 1st seed that may be under way: after a crash the same one is sent again. */
export const SEED_REQUEST = defineRecord<{ readonly requestId: Buffer }>({
  name: 'seed-request',
  fields: { requestId: field() },
});

export interface GatewayCaRecord {
  readonly privateKey: PrivateKeyDer;
  /** DER. */
  readonly csr: Buffer;
  /** DER, the gateway CA first, root last; absent while the request may be under way. */
  readonly chain?: readonly Buffer[];
}

/** `ca`: what certificates are issued with; `next-ca`: what is asked for. */
export const GATEWAY_CA = defineRecord<GatewayCaRecord>({
  name: 'ca',
  fields: { privateKey: secretField(PrivateKeyDer), csr: field(), chain: field() },
});

/** How far the delivery log of the Server was worked off. */
export const DELIVERY_AGGREGATE: Aggregate = { kind: 'delivery', id: 'own' };
export const DELIVERED = defineRecord<{ readonly lastSequence: bigint }>({
  name: 'delivered',
  fields: { lastSequence: field() },
});
