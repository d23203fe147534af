/** What a PN GW keeps of the entities of its PN, so that it assigns keys while the CPNS Server is away. */
import { duration, EntityUserKey, TokenAuthKey } from '@cpns/core';
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

/** How long a grant is kept after its token ended, so that a late request gets TOKEN_EXPIRED; milliseconds. */
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
