/** RegistrationRequest and RegistrationReply (EUK-GW-VERIFY), between the wire and the rules. */
import {
  invalidArgument,
  SecondSeed,
  checkFirstSeedId,
  checkTokenId,
  checkUserId,
  parseEntityUri,
  type EntityName,
} from '@cpns/core';
import { RegistrationRequest, type RegistrationReply } from '../generated/cpns/v1/entity_user_key_types';
import { checkHpkePublicKey, checkSize, KEY_ID_BYTES, sha256, type Registration } from '@cpns/key-derivation';
import * as fields from './fields';

const SIGNATURE_MAX_BYTES = 512;

interface CheckedRegistrationFields {
  readonly tokenId: string;
  readonly entity: EntityName;
  readonly user: string;
  /** 32 bytes, in a renewal only. */
  readonly replaceMac?: Buffer;
  /** SHA-256 of the request: says whether it was repeated to the letter. */
  readonly digest: Buffer;
}

export interface CheckedSecretRegistration extends CheckedRegistrationFields {
  readonly form: 'secret';
  /** The fields of T1. */
  readonly registration: Registration;
  /** The gateway that assigned the key. */
  readonly gateway: EntityName;
  /** 32 bytes. */
  readonly confirmation: Buffer;
}

export interface CheckedCertificateRegistration extends CheckedRegistrationFields {
  readonly form: 'key-pair';
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** 65 bytes. */
  readonly hpkeKey: Buffer;
  readonly signature: Buffer;
}

export type CheckedRegistration = CheckedSecretRegistration | CheckedCertificateRegistration;

/** @throws CpnsError a field's reason */
export function checkRegistration(message: RegistrationRequest | undefined): CheckedRegistration {
  const request = fields.present(message, 'request');
  const replaceMac = fields.optional(request.replaceMac, fields.mac, 'replace_mac');
  const head = {
    tokenId: checkTokenId(request.tokenId, 'token_id'),
    entity: parseEntityUri(request.entity, 'entity'),
    user: checkUserId(request.user, 'user'),
    ...(replaceMac && { replaceMac }),
    digest: sha256(RegistrationRequest.encode(request).finish()),
  };
  const registration = fields.present(request.registration, 'registration');
  if (registration.$case === 'certificate') {
    const { chain, hpkePublicKey, signature } = registration.value;
    checkHpkePublicKey(hpkePublicKey, 'hpke_public_key');
    return {
      ...head,
      form: 'key-pair',
      chain: fields.chain(chain, 'chain'),
      hpkeKey: hpkePublicKey,
      signature: fields.bounded(signature, SIGNATURE_MAX_BYTES, 'signature'),
    };
  }
  const { firstSeedId, gateway, notAfter, secondSeed, nonce, confirmation } = registration.value;
  const assigner = parseEntityUri(gateway, 'gateway');
  if (assigner.entityType !== 'pn-gw')
    throw invalidArgument('NAME_INVALID', 'gateway is not a PN GW', { metadata: { field: 'gateway' } });
  return {
    ...head,
    form: 'secret',
    gateway: assigner,
    registration: {
      tokenId: head.tokenId,
      firstSeedId: checkFirstSeedId(firstSeedId, 'first_seed_id'),
      gateway: assigner.uri,
      entity: head.entity.uri,
      user: head.user,
      notAfter: fields.time(notAfter, 'not_after'),
      secondSeed: new SecondSeed(fields.secret(secondSeed, 'second_seed')),
      nonce: fields.nonce(nonce, 'nonce'),
    },
    confirmation: fields.mac(confirmation, 'confirmation'),
  };
}

/** What a target entity sends for a key that a gateway derived. */
export function secretRegistrationRequest(
  registration: Registration,
  confirmation: Buffer,
  replaceMac?: Buffer,
): RegistrationRequest {
  const { tokenId, entity, user, firstSeedId, gateway, notAfter, secondSeed, nonce } = registration;
  const value = {
    firstSeedId,
    gateway,
    notAfter: BigInt(notAfter),
    secondSeed: secondSeed.expose(),
    nonce: Buffer.from(nonce),
    confirmation,
  };
  return { tokenId, entity, user, registration: { $case: 'secret', value }, replaceMac: replaceMac ?? Buffer.alloc(0) };
}

/** What a certificate holder sends. */
export interface CertificateRegistrationToSend {
  readonly tokenId: string;
  readonly entity: string;
  readonly user: string;
  readonly chain: readonly Buffer[];
  readonly hpkeKey: Buffer;
  readonly signature: Buffer;
  readonly replaceMac?: Buffer;
}

export function certificateRegistrationRequest(input: CertificateRegistrationToSend): RegistrationRequest {
  const { tokenId, entity, user, chain, hpkeKey, signature, replaceMac } = input;
  const value = { chain: [...chain], hpkePublicKey: hpkeKey, signature };
  return {
    tokenId,
    entity,
    user,
    registration: { $case: 'certificate', value },
    replaceMac: replaceMac ?? Buffer.alloc(0),
  };
}

export type CheckedRegistrationReply =
  | { readonly form: 'secret'; readonly keyId: Buffer; readonly confirmation: Buffer }
  | {
      readonly form: 'key-pair';
      readonly keyId: Buffer;
      readonly enc: Buffer;
      readonly signature: Buffer;
      readonly chain: readonly Buffer[];
    };

/** @throws CpnsError a field's reason */
export function checkRegistrationReply(message: RegistrationReply | undefined): CheckedRegistrationReply {
  const { keyId, confirmation } = fields.present(message, 'reply');
  checkSize(keyId, KEY_ID_BYTES, 'key_id');
  const found = fields.present(confirmation, 'confirmation');
  if (found.$case === 'secret') return { form: 'secret', keyId, confirmation: fields.mac(found.value, 'confirmation') };
  const { enc, signature, chain } = found.value;
  checkHpkePublicKey(enc, 'enc');
  return {
    form: 'key-pair',
    keyId,
    enc,
    signature: fields.bounded(signature, SIGNATURE_MAX_BYTES, 'signature'),
    chain: fields.chain(chain, 'chain'),
  };
}

export function registrationReply(reply: CheckedRegistrationReply): RegistrationReply {
  if (reply.form === 'secret')
    return { keyId: reply.keyId, confirmation: { $case: 'secret', value: reply.confirmation } };
  const { enc, signature, chain } = reply;
  return { keyId: reply.keyId, confirmation: { $case: 'pairwise', value: { enc, signature, chain: [...chain] } } };
}
