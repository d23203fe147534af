/**
 * Messages of an entity, made by hand: a draft holds what goes into one, and whoever holds the secrets may write into it
 * what no honest device would, and still put the right MAC or signature under it.
 */
import {
  type AssignmentRequest,
  type RegistrationRequest,
  assignmentRequest,
  certificateRegistrationRequest,
  secretRegistrationRequest,
} from '@cpns/contracts';
import {
  NONCE_BYTES,
  type ConfirmKey,
  type EntityUserKey,
  type HpkePrivateKey,
  type TokenAuthKey,
  systemRandom,
} from '@cpns/core';
import {
  confirmClientMac,
  deriveConfirmKey,
  encodeRegistration,
  enrolMac,
  generateHpkeKeyPair,
  hpkeKeyStatement,
  hpkePublicKey,
  makeProof,
  signBytes,
  type KeyForm,
  type Registration,
} from '@cpns/key-derivation';
import { randomBytes, type KeyObject } from 'node:crypto';

/** What the reply is made for: a one-time HPKE key, or a CSR with the key in it. */
export type DraftKey =
  | { readonly publicKey: Buffer; readonly privateKey?: HpkePrivateKey }
  | { readonly csr: Buffer; /** SubjectPublicKeyInfo, DER. */ readonly spki: Buffer };

export interface AssignmentDraft {
  readonly tokenId: string;
  /** A */
  readonly authKey: TokenAuthKey;
  readonly entity: string;
  readonly user: string;
  readonly gateway: string;
  readonly form: KeyForm;
  readonly key: DraftKey;
  readonly nonce: Buffer;
  /** The path that the MAC is over. */
  readonly method: string;
}

/** A one-time HPKE key for a request in form secret. */
export const hpkeKey = (): DraftKey => generateHpkeKeyPair(systemRandom);

/** The request, with the MAC of A over what the draft says, whatever that is. */
export function sealAssignment(draft: AssignmentDraft): AssignmentRequest {
  const { authKey, key, ...fields } = draft;
  const own = 'csr' in key ? key.spki : key.publicKey;
  const enrol = { ...fields, key: own };
  return assignmentRequest({ enrol, mac: enrolMac(authKey, enrol), ...('csr' in key && { csr: key.csr }) });
}

export interface SecretRegistrationDraft {
  readonly terms: Registration;
  /** S, which confirms T1. */
  readonly secret: EntityUserKey;
}

export function sealSecretRegistration({ terms, secret }: SecretRegistrationDraft): RegistrationRequest {
  const key = deriveConfirmKey(secret);
  return secretRegistrationRequest(terms, confirmClientMac(key, encodeRegistration(terms)));
}

export interface CertificateRegistrationDraft {
  readonly tokenId: string;
  readonly entity: string;
  readonly user: string;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** The certified one. */
  readonly privateKey: KeyObject;
  readonly hpkeKey: HpkePrivateKey;
}

export function sealCertificateRegistration(draft: CertificateRegistrationDraft): RegistrationRequest {
  const { privateKey, ...fields } = draft;
  const own = hpkePublicKey(draft.hpkeKey);
  const { entity, tokenId, chain } = fields;
  const statement = hpkeKeyStatement({ entity, tokenId, certificate: chain[0] ?? Buffer.alloc(0), hpkeKey: own });
  return certificateRegistrationRequest({ ...fields, hpkeKey: own, signature: signBytes(privateKey, statement) });
}

/** A proof of a secret on one call, and what it is made for. */
export interface ProofDraft {
  readonly confirmKey: ConfirmKey;
  readonly keyId: string;
  readonly entity: string;
  readonly timeMs: number;
  readonly nonce: Buffer;
  readonly audience: string;
  readonly method: string;
  /** SHA-256 of the request, 32 bytes. */
  readonly requestDigest: Buffer;
}

/** The metadata value: fresh in every part that has to be, unless a draft says otherwise. */
export const sealProof = (draft: ProofDraft): Buffer => makeProof(draft.confirmKey, draft, draft);

export const freshNonce = (): Buffer => randomBytes(NONCE_BYTES);

/** The bytes with one bit of the last one changed: of the right size, and wrong. */
export function flipped(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  const last = copy.length - 1;
  copy[last] = (copy[last] ?? 0) ^ 0x01;
  return copy;
}
