/** What the CPNS Server keeps of one entity, all in one aggregate, so that a token and the key it led to change together. */
import {
  EntityUserKey,
  failedPrecondition,
  permissionDenied,
  TokenAuthKey,
  unauthenticated,
  type EntityName,
} from '@cpns/core';
import type { AdmissionState, AdmittedRole, KeyState } from '@cpns/entity-user-key';
import type { KeyForm } from '@cpns/key-derivation';
import { AggregateRecords } from '@cpns/platform';
import { at, defineRecord, jsonField, optional, secretField, type Aggregate, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';

/** Which admissions there are, and the time of the newest, so that each is younger than the one before. */
export const ENTITY_HEAD = defineRecord('head', {
  lastAdmittedAt: jsonField<number>(),
  tokenIds: jsonField<readonly string[]>(),
  /** Raised by each revocation; 1 where it is absent. */
  life: optional(jsonField<bigint>()),
});

/** What a request was answered, for its exact repetition. */
interface Answered {
  /** SHA-256 of the request, 32 bytes. */
  readonly digest: Buffer;
  /** The encoded reply. */
  readonly reply: Buffer;
}

export const ADMISSION = defineRecord('admission', {
  tokenId: jsonField<string>(),
  entity: jsonField<string>(),
  user: jsonField<string>(),
  role: jsonField<AdmittedRole>(),
  form: jsonField<KeyForm>(),
  assigner: jsonField<string>(),
  /** Of a gateway that is the assigner, when the admission was made: it ends with that life. */
  assignerLife: optional(jsonField<bigint>()),
  state: jsonField<AdmissionState>(),
  admittedAt: jsonField<number>(),
  expiresAt: jsonField<number>(),
  /** A; absent where a gateway is the assigner: it has A then, and the Server none. */
  authKey: optional(secretField(TokenAuthKey)),
  /** For a PN GW: what its identity certificate names besides E. */
  dnsNames: jsonField<readonly string[]>(),
  ipAddresses: jsonField<readonly string[]>(),
  assigned: optional(jsonField<Answered>()),
  registered: optional(jsonField<Answered>()),
  /** Of the key that was registered. */
  keyId: optional(jsonField<string>()),
  /** Of the certificate that the Server assigned: SHA-256, its end in Unix milliseconds, SHA-256 of its public key. */
  certificateDigest: optional(jsonField<Buffer>()),
  certificateNotAfter: optional(jsonField<number>()),
  certificateKeyDigest: optional(jsonField<Buffer>()),
  /** Where in its assigner's delivery log the grant is. */
  grantSequence: optional(jsonField<bigint>()),
});
export type AdmissionRecord = ValueIn<typeof ADMISSION>;

export const admissionName = (tokenId: string): string => `admission.${tokenId}`;

/** The newest key of the entity, live or ended: a revocation rewrites it, absence never grants. */
export const KEY = defineRecord('key', {
  form: jsonField<KeyForm>(),
  state: jsonField<KeyState>(),
  user: jsonField<string>(),
  /** URI of the Server, or E of the gateway that assigned it. */
  assigner: jsonField<string>(),
  /** Of that gateway, when it was provisioned with what it assigned the key with: the key ends with that life. */
  assignerLife: optional(jsonField<bigint>()),
  /** S */
  secret: secretField(EntityUserKey),
  /** 32 hexadecimal digits. */
  keyId: jsonField<string>(),
  notAfter: jsonField<number>(),
  registeredAt: jsonField<number>(),
  /** Empty for an imported key. */
  tokenId: jsonField<string>(),
  admittedAt: jsonField<number>(),
  /** SHA-256 of the certificate, 32 bytes, in form key pair. */
  certificateDigest: optional(jsonField<Buffer>()),
  /** The 1st seed that it came from, and until when another could be registered with that; Unix milliseconds. */
  firstSeedId: optional(jsonField<string>()),
  registerUntil: optional(jsonField<number>()),
});
export type KeyRecord = ValueIn<typeof KEY>;

/** True for a key that has not ended: a suspended one may go on. */
export const isInUse = ({ state }: Pick<KeyRecord, 'state'>): boolean => state === 'live' || state === 'suspended';

/** An admission that may still lead to a key. */
export const isOpen = ({ state }: Pick<AdmissionRecord, 'state'>): boolean => state === 'open' || state === 'assigned';

/** A key id or a certificate that must not come back. */
interface RetiredCredential {
  /** `key:` and a key id, or `certificate:` and a SHA-256 in hex. */
  readonly id: string;
  /** Unix milliseconds; it has expired afterwards anyway. */
  readonly until: number;
}

/** What was revoked or replaced, remembered until it would have ended by itself. */
export const RETIRED = defineRecord('retired', { credentials: jsonField<readonly RetiredCredential[]>() });

/** Which entity a token is for, so that a request for another one is told apart from an unknown token. */
export const TOKEN_ENTITY = defineRecord('entity', { entity: jsonField<string>() });

/** What the use of a token reads and changes together. */
export const tokenRecords = (tokenId: string) => ({
  admission: at(ADMISSION, admissionName(tokenId)),
  key: at(KEY),
  retired: at(RETIRED),
});
export type TokenRecords = ReturnType<typeof tokenRecords>;

interface RetiredRecord {
  readonly credentials: readonly RetiredCredential[];
}

const certificateId = (digest: Buffer): string => `certificate:${digest.toString('hex')}`;
const keyId = (id: string): string => `key:${id}`;

/** The memory of what must not come back, with the key that ends now; what would have ended by itself is forgotten. */
export function retire(memory: RetiredRecord | undefined, ending: KeyRecord | undefined, now: number): RetiredRecord {
  const kept = (memory?.credentials ?? []).filter(({ until }) => until > now);
  if (ending === undefined) return { credentials: kept };
  const ids = [keyId(ending.keyId), ...(ending.certificateDigest ? [certificateId(ending.certificateDigest)] : [])];
  const until = Math.max(ending.notAfter, ending.registerUntil ?? 0);
  const added = ids.filter((id) => !kept.some((one) => one.id === id)).map((id) => ({ id, until }));
  return { credentials: [...kept, ...added] };
}

/** @throws CpnsError KEY_REVOKED for a key that ended here before */
export function checkKeyNotRetired(memory: RetiredRecord | undefined, id: string): void {
  if (memory?.credentials.some((one) => one.id === keyId(id)))
    throw failedPrecondition('KEY_REVOKED', 'the key ended here before: have a new one assigned');
}

/** @throws CpnsError CERTIFICATE_REVOKED for a certificate that ended here before */
export function checkCertificateNotRetired(memory: RetiredRecord | undefined, digest: Buffer): void {
  if (memory?.credentials.some((one) => one.id === certificateId(digest)))
    throw unauthenticated('CERTIFICATE_REVOKED', 'the certificate ended here before: have a new one assigned');
}

const tokenAggregate = (tokenId: string): Aggregate => ({ kind: 'token', id: tokenId });

export const unknownToken = () => unauthenticated('TOKEN_UNKNOWN', 'no such token: ask for a new admission');

export const ENTITY_KIND = 'entity';

/** The records of one entity. */
@Injectable()
export class EntityRecords extends AggregateRecords<EntityName> {
  protected readonly kind = ENTITY_KIND;

  protected aggregateOf(entity: EntityName): Aggregate {
    return { kind: this.kind, id: entity.uri };
  }

  /** Of a token that the entity does not have. @throws CpnsError TOKEN_OTHER_ENTITY, TOKEN_UNKNOWN */
  async refuseToken(tokenId: string): Promise<never> {
    throw (await this.ownerOf(tokenId)) === undefined
      ? unknownToken()
      : permissionDenied('TOKEN_OTHER_ENTITY', 'the token admits another entity');
  }

  /** E of the entity that a token was made for. */
  async ownerOf(tokenId: string): Promise<string | undefined> {
    const { owner } = await this.records.read(tokenAggregate(tokenId), { owner: at(TOKEN_ENTITY) });
    return owner?.entity;
  }

  addToken(tokenId: string, { uri }: EntityName): Promise<void> {
    return this.records.transact(tokenAggregate(tokenId), { owner: at(TOKEN_ENTITY) }, () => ({
      result: undefined,
      put: { owner: { entity: uri } },
    }));
  }
}
