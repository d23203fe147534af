/**
 * Messages of an entity, made by hand: a draft holds what goes into one, and a holder of the secrets may write into it what
 * no honest device would, and still put the right MAC or signature under it.
 */
import {
  assignmentRequest,
  certificateRegistrationRequest,
  secretRegistrationRequest,
  type AssignmentRequest,
  type CertificateRegistrationToSend,
  type RegistrationRequest,
} from '@cpns/contracts';
import { NONCE_BYTES, type ConfirmKey, type EntityUserKey, type HpkePrivateKey, type TokenAuthKey } from '@cpns/core';
import { flipped as flippedAt } from '@cpns/core/testing';
import {
  confirmClientMac,
  deriveConfirmKey,
  encodeRegistration,
  enrolMac,
  hpkeKeyStatement,
  hpkePublicKey,
  makeProof,
  signBytes,
  type EnrolRequest,
  type ProofCall,
  type ProofFields,
  type Registration,
} from '@cpns/key-derivation';
import { randomBytes, type KeyObject } from 'node:crypto';
import type { OpensslCsr } from './credentials';

/** Its method is the path that the MAC is over. */
export interface AssignmentDraft extends Omit<EnrolRequest, 'key'> {
  /** A */
  readonly authKey: TokenAuthKey;
  /** What the reply is made for: a one-time HPKE key, or a CSR with the key in it. */
  readonly key: { readonly publicKey: Buffer } | OpensslCsr;
}

/** The request, with the MAC of A over what the draft says, whatever that is. */
export function sealAssignment({ authKey, key, ...fields }: AssignmentDraft): AssignmentRequest {
  const enrol = { ...fields, key: 'csr' in key ? key.spki : key.publicKey };
  return assignmentRequest({ enrol, mac: enrolMac(authKey, enrol), ...('csr' in key && { csr: key.csr }) });
}

export interface SecretRegistrationDraft {
  readonly terms: Registration;
  /** S, which confirms T1. */
  readonly secret: EntityUserKey;
}

export function sealSecretRegistration({ terms, secret }: SecretRegistrationDraft): RegistrationRequest {
  return secretRegistrationRequest(terms, confirmClientMac(deriveConfirmKey(secret), encodeRegistration(terms)));
}

export interface CertificateRegistrationDraft extends Omit<CertificateRegistrationToSend, 'hpkeKey' | 'signature'> {
  /** The certified one. */
  readonly privateKey: KeyObject;
  readonly hpkeKey: HpkePrivateKey;
  /** In place of the HPKE key that is signed. */
  readonly sentHpkeKey?: Buffer;
}

export function sealCertificateRegistration(draft: CertificateRegistrationDraft): RegistrationRequest {
  const { privateKey, sentHpkeKey, ...fields } = draft;
  const hpkeKey = hpkePublicKey(draft.hpkeKey);
  const statement = hpkeKeyStatement({ ...fields, certificate: fields.chain[0] ?? Buffer.alloc(0), hpkeKey });
  const signature = signBytes(privateKey, statement);
  return certificateRegistrationRequest({ ...fields, hpkeKey: sentHpkeKey ?? hpkeKey, signature });
}

/** A proof of a secret on one call, and what it is made for. */
export interface ProofDraft extends ProofFields, ProofCall {
  readonly confirmKey: ConfirmKey;
}

/** The metadata value. */
export const sealProof = (draft: ProofDraft): Buffer => makeProof(draft.confirmKey, draft, draft);

export const freshNonce = (): Buffer => randomBytes(NONCE_BYTES);

/** The bytes with one bit of the last one changed: of the right size, and wrong. */
export const flipped = (bytes: Uint8Array): Buffer => flippedAt(bytes, -1);

export const extended = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.of(0)]);
