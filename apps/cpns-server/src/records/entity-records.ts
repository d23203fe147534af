/** What the CPNS Server keeps of one entity, all in one aggregate, so that a token and the key it led to change together. */
import { EntityUserKey, TokenAuthKey } from '@cpns/core';
import type { Admission, KeyStanding } from '@cpns/entity-user-key';
import type { EntityName } from '@cpns/identity';
import { defineRecord, field, secretField } from '@cpns/records';
import type { Aggregate } from '@cpns/store';

export const ENTITY_KIND = 'entity';

export const entityAggregate = (entity: EntityName): Aggregate => ({ kind: ENTITY_KIND, id: entity.uri });

/** Which admissions there are, and the time of the newest, so that each is younger than the one before. */
export interface EntityHead {
  readonly lastAdmittedAt: number;
  readonly tokenIds: readonly string[];
}

export const ENTITY_HEAD = defineRecord<EntityHead>({ name: 'head', fields: { lastAdmittedAt: field(), tokenIds: field() } });

/** What a request was answered, for its exact repetition. */
export interface Answered {
  /** SHA-256 of the request, 32 bytes. */
  readonly digest: Buffer;
  /** The encoded reply. */
  readonly reply: Buffer;
}

export interface AdmissionRecord extends Admission {
  /** A; absent where a gateway is the assigner: it has A then, and the Server none. */
  readonly authKey?: TokenAuthKey;
  /** For a PN GW: what its identity certificate names besides E. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly assigned?: Answered;
  readonly registered?: Answered;
  /** Of the key that was registered. */
  readonly keyId?: string;
  /** SHA-256 of the certificate that the Server assigned, 32 bytes, and when it ends. */
  readonly certificateDigest?: Buffer;
  readonly certificateNotAfter?: number;
  /** SHA-256 of its public key, 32 bytes. */
  readonly certificateKeyDigest?: Buffer;
  /** Where in its assigner's delivery log the grant is. */
  readonly grantSequence?: bigint;
}

export const ADMISSION = defineRecord<AdmissionRecord>({
  name: 'admission',
  fields: {
    tokenId: field(),
    entity: field(),
    user: field(),
    role: field(),
    form: field(),
    assigner: field(),
    state: field(),
    admittedAt: field(),
    expiresAt: field(),
    authKey: secretField(TokenAuthKey),
    dnsNames: field(),
    ipAddresses: field(),
    assigned: field(),
    registered: field(),
    keyId: field(),
    certificateDigest: field(),
    certificateNotAfter: field(),
    certificateKeyDigest: field(),
    grantSequence: field(),
  },
});

export const admissionName = (tokenId: string): string => `admission.${tokenId}`;

export interface KeyRecord extends KeyStanding {
  readonly user: string;
  /** URI of the Server, or E of the gateway that assigned it. */
  readonly assigner: string;
  /** S */
  readonly secret: EntityUserKey;
  /** 32 hexadecimal digits. */
  readonly keyId: string;
  /** Unix milliseconds. */
  readonly registeredAt: number;
  /** SHA-256 of the certificate, 32 bytes, in form key pair. */
  readonly certificateDigest?: Buffer;
  /** The 1st seed that it came from. */
  readonly firstSeedId?: string;
}

/** The newest key of the entity, whatever became of it: a revocation rewrites it, absence never grants. */
export const KEY = defineRecord<KeyRecord>({
  name: 'key',
  fields: {
    form: field(),
    state: field(),
    user: field(),
    assigner: field(),
    secret: secretField(EntityUserKey),
    keyId: field(),
    notAfter: field(),
    registeredAt: field(),
    tokenId: field(),
    admittedAt: field(),
    certificateDigest: field(),
    firstSeedId: field(),
  },
});

/** A key id or a certificate that must not come back. */
export interface RetiredCredential {
  /** `key:` and a key id, or `certificate:` and a SHA-256 in hex. */
  readonly id: string;
  /** Unix milliseconds; nobody would accept it afterwards anyway. */
  readonly until: number;
}

/** What was revoked or replaced, remembered until it would have ended by itself. */
export const RETIRED = defineRecord<{ readonly credentials: readonly RetiredCredential[] }>({
  name: 'retired',
  fields: { credentials: field() },
});

export interface CapabilitiesRecord {
  readonly linkSecurity: number;
  readonly keyStorage: number;
  readonly softwareVersion: string;
  readonly recordedAt: number;
  /** E of the gateway that relayed the report. */
  readonly reportedThrough: string;
}

export const CAPABILITIES = defineRecord<CapabilitiesRecord>({
  name: 'capabilities',
  fields: { linkSecurity: field(), keyStorage: field(), softwareVersion: field(), recordedAt: field(), reportedThrough: field() },
});

/** Which entity a token is for, so that a request for another one is told apart from an unknown token. */
export const TOKEN_ENTITY = defineRecord<{ readonly entity: string }>({ name: 'entity', fields: { entity: field() } });

export const tokenAggregate = (tokenId: string): Aggregate => ({ kind: 'token', id: tokenId });
