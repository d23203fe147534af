/**
 * EUK-GW-VERIFY steps 1 and 5 at the target entity (protocol.md, "Registration").
 *
 * ```
 *   secret from a gateway    T1, confirm-client      --->   <---  confirm-server over the same T1
 *   certificate of either    chain, K, signature     --->   <---  enc, statement signed by the Server; S = export
 * ```
 * A secret that the Server assigned needs none of it. What is random in a request is made once and stored; the request
 * itself is made from it anew each time, with the same bytes, because it holds the second seed.
 */
import {
  type RegistrationReply,
  type RegistrationRequest,
  certificateRegistrationRequest,
  checkRegistrationReply,
  secretRegistrationRequest,
  type CheckedRegistrationReply,
} from '@cpns/contracts';
import {
  failedPrecondition,
  invalidArgument,
  NONCE_BYTES,
  unauthenticated,
  type EntityUserKey,
  type HpkePrivateKey,
  type PrivateKeyDer,
  type Random,
  parseEntityUri,
} from '@cpns/core';
import { verifyServerSigner } from '@cpns/group-key';
import {
  acceptPairwise,
  confirmClientMac,
  deriveConfirmKey,
  deriveKeyId,
  encodeRegistration,
  generateHpkeKeyPair,
  hpkeKeyStatement,
  hpkePublicKey,
  keyIdText,
  pairwiseStatement,
  requireSignature,
  signBytes,
  verifyConfirmServerMac,
  type Registration,
} from '@cpns/key-derivation';
import type { Assigned, AssignedCertificate, AssignedSecret } from './assignment';
import type { Admitted } from './admitted';

/** What is random in a registration. */
export type PendingRegistration =
  /** 16 bytes of T1. */
  | { readonly form: 'secret'; readonly nonce: Buffer }
  /** The private half of K, and the certified key's signature over K. */
  | { readonly form: 'key-pair'; readonly hpkeKey: HpkePrivateKey; readonly signature: Buffer };

/** What a registration leads to, in either form. */
export interface RegisteredKey {
  /** S */
  readonly secret: EntityUserKey;
  /** 32 hexadecimal digits. */
  readonly keyId: string;
}

/** sign(x) of the protocol by the certified key, for a key that this process does not hold. */
export type SignStatement = (x: Buffer) => Buffer | Promise<Buffer>;

/**
 * @param sign by the certified key, where the private key did not come with the assignment
 * @throws CpnsError FIELD_MISSING when there is no key to sign with
 */
export async function prepareRegistration(
  admitted: Admitted,
  assigned: Assigned,
  random: Random,
  sign?: SignStatement,
): Promise<PendingRegistration> {
  if (assigned.form === 'secret') return { form: 'secret', nonce: random.bytes(NONCE_BYTES) };
  const { privateKey, publicKey } = generateHpkeKeyPair(random);
  const statement = hpkeKeyStatement({
    entity: admitted.entity,
    tokenId: admitted.tokenId,
    certificate: leafOf(assigned),
    hpkeKey: publicKey,
  });
  const signer = sign ?? signerOf(assigned.privateKey);
  return { form: 'key-pair', hpkeKey: privateKey, signature: await signer(statement) };
}

function signerOf(privateKey: PrivateKeyDer | undefined): SignStatement {
  if (privateKey === undefined)
    throw invalidArgument('FIELD_MISSING', 'the certified key is needed to register it', {
      metadata: { field: 'private-key' },
    });
  return (x) => signBytes(privateKey.keyObject, x);
}

function leafOf({ chain: [leaf] }: AssignedCertificate): Buffer {
  if (leaf === undefined) throw new RangeError('a chain has a leaf');
  return leaf;
}

function termsOf(admitted: Admitted, { assigner, notAfter, seed }: AssignedSecret, nonce: Buffer): Registration {
  if (seed === undefined) throw new RangeError('a secret that the Server assigned is not registered');
  const { tokenId, entity, user } = admitted;
  return { tokenId, ...seed, gateway: assigner, entity, user, notAfter, nonce };
}

/** The request, to the same bytes each time. It holds the second seed: not for a log. */
export function registrationRequest(
  admitted: Admitted,
  assigned: Assigned,
  pending: PendingRegistration,
): RegistrationRequest {
  const { tokenId, entity, user } = admitted;
  if (assigned.form === 'secret' && pending.form === 'secret') {
    const terms = termsOf(admitted, assigned, pending.nonce);
    const key = deriveConfirmKey(assigned.secret);
    const confirmation = confirmClientMac(key, encodeRegistration(terms));
    key.destroy();
    return secretRegistrationRequest(terms, confirmation);
  }
  if (assigned.form === 'key-pair' && pending.form === 'key-pair') {
    const { signature, hpkeKey } = pending;
    const { chain } = assigned;
    return certificateRegistrationRequest({ tokenId, entity, user, chain, hpkeKey: hpkePublicKey(hpkeKey), signature });
  }
  throw new RangeError('a registration has the form of what was assigned');
}

/**
 * Checks a reply, by which the Server shows that it holds the same secret.
 * @param now Unix milliseconds
 * @throws CpnsError a field's reason; CONFIRMATION_MAC; for a certificate also CERTIFICATE_*, PEER_UNEXPECTED when
 *   another than service/cpns-server signed, and SIGNATURE_INVALID
 */
export function acceptRegistration(
  admitted: Admitted,
  assigned: Assigned,
  pending: PendingRegistration,
  message: RegistrationReply | undefined,
  now: number,
): RegisteredKey {
  const reply = checkRegistrationReply(message);
  if (assigned.notAfter <= now) throw failedPrecondition('KEY_EXPIRED', 'the key ended before it was registered');
  const secret = confirmedSecret(admitted, assigned, pending, reply, now);
  const keyId = deriveKeyId(secret);
  if (keyIdText(reply.keyId) !== keyId)
    throw unauthenticated('CONFIRMATION_MAC', 'the Server confirmed another key than this one');
  return { secret, keyId };
}

function confirmedSecret(
  admitted: Admitted,
  assigned: Assigned,
  pending: PendingRegistration,
  reply: CheckedRegistrationReply,
  now: number,
): EntityUserKey {
  if (assigned.form === 'secret' && pending.form === 'secret' && reply.form === 'secret') {
    const key = deriveConfirmKey(assigned.secret);
    verifyConfirmServerMac(key, encodeRegistration(termsOf(admitted, assigned, pending.nonce)), reply.confirmation);
    key.destroy();
    return assigned.secret;
  }
  if (assigned.form === 'key-pair' && pending.form === 'key-pair' && reply.form === 'key-pair')
    return pairwiseSecret(admitted, leafOf(assigned), pending.hpkeKey, reply, now);
  throw invalidArgument('FIELD_MISSING', 'the reply is of the other form', { metadata: { field: 'confirmation' } });
}

function pairwiseSecret(
  { entity, user, root }: Admitted,
  certificate: Buffer,
  hpkeKey: HpkePrivateKey,
  { enc, signature, chain }: Extract<CheckedRegistrationReply, { form: 'key-pair' }>,
  now: number,
): EntityUserKey {
  const signer = verifyServerSigner({ chain, root, now, trustDomain: parseEntityUri(entity).trustDomain });
  const statement = pairwiseStatement({ entity, certificate, hpkeKey: hpkePublicKey(hpkeKey), enc });
  requireSignature(signer, statement, signature);
  return acceptPairwise({ entity, user, certificate }, hpkeKey, enc);
}
