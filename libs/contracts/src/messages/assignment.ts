/**
 * AssignmentRequest and AssignmentReply (EUK-SRV, EUK-GW), between the wire and the rules. The same checks run at the
 * gateway and at the Server, before any work; what passes is typed and of the right size.
 */
import { invalidArgument, checkTokenId, checkUserId, parseEntityUri, type EntityName } from '@cpns/core';
import {
  AssignmentRequest,
  type AssignmentReply,
  type RenewalRequest,
} from '../generated/cpns/v1/entity_user_key_types';
import { parseCsr, type ParsedCsr } from '@cpns/certificate-issuance';
import { checkHpkePublicKey, sha256, type EnrolRequest, type KeyForm, type Sealed } from '@cpns/key-derivation';
import * as fields from './fields';
import { keyForm, wireKeyForm } from './key-form';

interface CheckedFields {
  readonly entity: EntityName;
  readonly gateway: EntityName;
  /** 32 bytes. */
  readonly mac: Buffer;
  /** In form key pair. */
  readonly csr?: ParsedCsr;
}

export interface CheckedAssignment extends CheckedFields {
  readonly enrol: EnrolRequest;
  /** SHA-256 of the request and the method: says whether a request was repeated to the letter. */
  readonly digest: Buffer;
}

type WireKey = AssignmentRequest['key'];

function requestKey(form: KeyForm, key: WireKey): { readonly key: Buffer; readonly csr?: ParsedCsr } {
  if (form === 'secret') {
    if (key?.$case !== 'hpkePublicKey')
      throw invalidArgument('FIELD_MISSING', 'form secret needs hpke_public_key', {
        metadata: { field: 'hpke_public_key' },
      });
    checkHpkePublicKey(key.value, 'hpke_public_key');
    return { key: key.value };
  }
  if (key?.$case !== 'csr')
    throw invalidArgument('FIELD_MISSING', 'form key pair needs csr', { metadata: { field: 'csr' } });
  const csr = parseCsr(key.value);
  return { key: csr.spki, csr };
}

function common(request: AssignmentRequest | RenewalRequest, methodPath: string) {
  const entity = parseEntityUri(request.entity, 'entity');
  const gateway = parseEntityUri(request.gateway, 'gateway');
  const user = checkUserId(request.user, 'user');
  const form = keyForm(request.form);
  const nonce = fields.nonce(request.nonce, 'nonce');
  const mac = fields.mac(request.mac, 'mac');
  const method = fields.method(methodPath, 'method');
  if (gateway.entityType !== 'pn-gw')
    throw invalidArgument('NAME_INVALID', 'gateway is not a PN GW', { metadata: { field: 'gateway' } });
  const { key, csr } = requestKey(form, request.key);
  return {
    terms: { method, entity: entity.uri, user, gateway: gateway.uri, form, key, nonce },
    checked: { entity, gateway, mac, ...(csr && { csr }) },
  };
}

/**
 * @param method path that the entity called
 * @throws CpnsError a field's reason; CSR_* for what is wrong with the CSR
 */
export function checkAssignment(message: AssignmentRequest | undefined, method: string): CheckedAssignment {
  const request = fields.present(message, 'request');
  const tokenId = checkTokenId(request.tokenId, 'token_id');
  const { terms, checked } = common(request, method);
  const digest = sha256(Buffer.from(method), AssignmentRequest.encode(request).finish());
  return { ...checked, enrol: { tokenId, ...terms }, digest };
}

/** What an entity sends. */
export interface AssignmentToSend {
  readonly enrol: EnrolRequest;
  readonly mac: Buffer;
  /** DER, in form key pair. */
  readonly csr?: Buffer;
}

export function assignmentRequest({ enrol, mac, csr }: AssignmentToSend): AssignmentRequest {
  return {
    tokenId: enrol.tokenId,
    entity: enrol.entity,
    user: enrol.user,
    gateway: enrol.gateway,
    form: wireKeyForm(enrol.form),
    key: csr === undefined ? { $case: 'hpkePublicKey', value: Buffer.from(enrol.key) } : { $case: 'csr', value: csr },
    nonce: Buffer.from(enrol.nonce),
    mac,
  };
}

/** Reply 1 or reply 2, as the rules have them. */
export type CheckedAssignmentReply =
  | { readonly form: 'secret'; readonly sealed: Sealed; readonly notAfter: number; readonly firstSeedId: string }
  | { readonly form: 'key-pair'; readonly chain: readonly Buffer[]; readonly mac: Buffer };

const CIPHERTEXT_MAX_BYTES = 80;

/** @throws CpnsError a field's reason, FIELD_MISSING when the reply is of the other form */
export function checkAssignmentReply(message: AssignmentReply | undefined, form: KeyForm): CheckedAssignmentReply {
  const reply = fields.present(fields.present(message, 'reply').reply, 'reply');
  if (form === 'secret' && reply.$case === 'secret') {
    const { enc, ciphertext, notAfter, firstSeedId } = reply.value;
    checkHpkePublicKey(enc, 'enc');
    return {
      form,
      sealed: { enc, ciphertext: fields.bounded(ciphertext, CIPHERTEXT_MAX_BYTES, 'ciphertext') },
      notAfter: fields.time(notAfter, 'not_after'),
      firstSeedId,
    };
  }
  if (form === 'key-pair' && reply.$case === 'certificate') {
    const { chain, mac } = reply.value;
    return { form, chain: fields.chain(chain, 'chain'), mac: fields.mac(mac, 'mac') };
  }
  throw invalidArgument('FIELD_MISSING', 'the reply is of the other form', { metadata: { field: 'reply' } });
}

export function assignmentReply(reply: CheckedAssignmentReply): AssignmentReply {
  if (reply.form === 'key-pair')
    return { reply: { $case: 'certificate', value: { chain: [...reply.chain], mac: reply.mac } } };
  const { sealed, notAfter, firstSeedId } = reply;
  return {
    reply: {
      $case: 'secret',
      value: {
        enc: Buffer.from(sealed.enc),
        ciphertext: Buffer.from(sealed.ciphertext),
        notAfter: BigInt(notAfter),
        firstSeedId,
      },
    },
  };
}
