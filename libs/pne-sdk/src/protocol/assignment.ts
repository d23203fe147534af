/**
 * EUK-SRV-S/P step 1, EUK-GW-S/P step 4: the request for an Entity-User Key. It is made once and stored before it is
 * sent: whatever happens afterwards, the same bytes are sent again and get the reply that the assigner stored.
 *
 * EUK-SRV-S/P step 5, EUK-GW-S/P step 6: what makes a reply the one that was asked for (protocol.md, replies 1 and 2).
 */
import {
  createCsr,
  newPrivateKey,
  parseCsr,
  signerFromPkcs8,
  type VerifiedPeer,
  verifyChain,
} from '@cpns/certificate-issuance';
import {
  type AssignmentReply,
  AssignmentRequest,
  assignmentRequest,
  checkAssignment,
  checkAssignmentReply,
  type CheckedAssignmentReply,
} from '@cpns/contracts';
import {
  checkFirstSeedId,
  CpnsError,
  type EntityUserKey,
  failedPrecondition,
  formatSubject,
  type HpkePrivateKey,
  invalidArgument,
  NONCE_BYTES,
  parseEntityUri,
  permissionDenied,
  type PrivateKeyDer,
  type Random,
  type SecondSeed,
  type TokenAuthKey,
  unauthenticated,
} from '@cpns/core';
import {
  deriveTokenAuthKey,
  deriveTokenPsk,
  enrolMac,
  type EnrolRequest,
  generateHpkeKeyPair,
  type OneTimeString,
  openAssignment,
  verifyEnrolReplyMac,
} from '@cpns/key-derivation';
import type { FlowId, StepOf } from '@cpns/telemetry';
import { type Admitted, admittedBy, routeOf, serverUriOf } from './admitted';

/** A request that waits for its reply, and what it takes to open that. T is gone from here on. */
export interface PendingAssignment {
  readonly admitted: Admitted;
  /** A */
  readonly authKey: TokenAuthKey;
  /** The AssignmentRequest, encoded; it holds no secret. */
  readonly request: Buffer;
  /** In form secret: opens the reply. */
  readonly hpkeKey?: HpkePrivateKey;
  /** In form key pair, unless the key stays with the maker of the CSR. */
  readonly privateKey?: PrivateKeyDer;
}

/** What a caller brings along in form key pair; without either a P-256 key is made. */
export type OwnKey =
  /** A key of one of the accepted kinds, PKCS #8. */
  | { readonly privateKey: PrivateKeyDer }
  /** PKCS #10, DER; its private key stays where it is. */
  | { readonly csr: Buffer };

interface RequestKey {
  /** What the MAC is over: the public key. */
  readonly key: Buffer;
  readonly csr?: Buffer;
  readonly hpkeKey?: HpkePrivateKey;
  readonly privateKey?: PrivateKeyDer;
}

/**
 * Makes the request that a one-time string allows.
 * @param root DER of the root whose digest the string holds
 * @param own in form key pair: the key to be certified
 * @throws CpnsError of {@link admittedBy}; CSR_* for a CSR that no issuer would take; FIELD_OUT_OF_RANGE for a key of one's
 *   own in form secret
 */
export async function prepareAssignment(
  oneTime: OneTimeString,
  root: Buffer,
  random: Random,
  own?: OwnKey,
): Promise<PendingAssignment> {
  const admitted = admittedBy(oneTime, root);
  const { key, csr, hpkeKey, privateKey } = await requestKey(admitted, random, own);
  const { tokenId, entity, user, form } = admitted;
  const enrol: EnrolRequest = {
    tokenId,
    entity,
    user,
    form,
    ...routeOf(admitted),
    key,
    nonce: random.bytes(NONCE_BYTES),
  };
  const authKey = deriveTokenAuthKey(oneTime.secret);
  const message = assignmentRequest({ enrol, mac: enrolMac(authKey, enrol), ...(csr && { csr }) });
  const request = Buffer.from(AssignmentRequest.encode(message).finish());
  return { admitted, authKey, request, ...(hpkeKey && { hpkeKey }), ...(privateKey && { privateKey }) };
}

async function requestKey({ form, entity, user }: Admitted, random: Random, own?: OwnKey): Promise<RequestKey> {
  if (form === 'secret') {
    if (own !== undefined)
      throw invalidArgument(
        'FIELD_OUT_OF_RANGE',
        'the admission is for a shared secret: it takes no key of one’s own',
        {
          metadata: { field: 'form' },
        },
      );
    const { privateKey, publicKey } = generateHpkeKeyPair(random);
    return { key: publicKey, hpkeKey: privateKey };
  }
  if (own !== undefined && 'csr' in own) return { key: parseCsr(own.csr).spki, csr: own.csr };
  const privateKey = own?.privateKey ?? newPrivateKey();
  const signer = signerFromPkcs8(privateKey);
  return { key: signer.publicKey.spki, csr: await createCsr(signer, { uri: formatSubject(entity, user) }), privateKey };
}

/** EUK-FORM-S: S itself. */
export interface AssignedSecret {
  readonly form: 'secret';
  /** URI of the CPNS Server, or E of the gateway that derived it. */
  readonly assigner: string;
  /** Unix milliseconds. */
  readonly notAfter: number;
  readonly secret: EntityUserKey;
  /** What the Server is shown at registration; absent where the Server assigned. */
  readonly seed?: { readonly firstSeedId: string; readonly secondSeed: SecondSeed };
}

/** EUK-FORM-P: the certificate of a key that never left its maker. */
export interface AssignedCertificate {
  readonly form: 'key-pair';
  readonly assigner: string;
  /** Unix milliseconds; the last second of validity. */
  readonly notAfter: number;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** Absent where it stayed with the maker of the CSR. */
  readonly privateKey?: PrivateKeyDer;
}

export type Assigned = AssignedSecret | AssignedCertificate;

/** Whether the Server hears of the key only by a registration. */
export const needsRegistration = (assigned: Assigned): boolean =>
  assigned.form === 'key-pair' || assigned.seed !== undefined;

/** The flows that assign. Which one it was, an entity learns from the reply. */
type AssignmentFlow = Exclude<FlowId, 'EUK-GW-VERIFY'>;
interface AssignmentStep {
  readonly flow: AssignmentFlow;
  readonly step: StepOf<AssignmentFlow>;
}

/** The step that receiving this assignment is. */
export function receivingStep(admitted: Admitted, { form, assigner }: Assigned): AssignmentStep {
  const letter = form === 'secret' ? 'S' : 'P';
  return assigner === serverUriOf(admitted.entity)
    ? { flow: `EUK-SRV-${letter}`, step: 5 }
    : { flow: `EUK-GW-${letter}`, step: 6 };
}

/**
 * Opens a reply and checks it before any of it is used.
 * @param now Unix milliseconds
 * @throws CpnsError a field's reason; REPLY_MAC when it was not made by the assigner for this very request; KEY_EXPIRED;
 *   CERTIFICATE_* when the chain does not lead to the pinned root; TOKEN_OTHER_ENTITY, CERTIFICATE_ROLE,
 *   ISSUER_NOT_ASSIGNER when it is for another entity or from another issuer
 */
export function acceptAssignment(
  pending: PendingAssignment,
  message: AssignmentReply | undefined,
  now: number,
): Assigned {
  const { admitted } = pending;
  const reply = checkAssignmentReply(message, admitted.form);
  // our own request, read back: the one form in which key and nonce are kept
  const { enrol } = checkAssignment(AssignmentRequest.decode(pending.request), routeOf(admitted).method);
  const assigned =
    reply.form === 'secret' ? openSecret(pending, enrol, reply) : checkCertificate(pending, enrol, reply, now);
  if (assigned.notAfter <= now) throw failedPrecondition('KEY_EXPIRED', 'the key that was assigned has ended already');
  return assigned;
}

type SecretReply = Extract<CheckedAssignmentReply, { form: 'secret' }>;
type CertificateReply = Extract<CheckedAssignmentReply, { form: 'key-pair' }>;

function openSecret(pending: PendingAssignment, enrol: EnrolRequest, reply: SecretReply): AssignedSecret {
  const { admitted, authKey, hpkeKey } = pending;
  if (hpkeKey === undefined) throw new CpnsError('INTERNAL', 'a request for a secret has a one-time key');
  const { notAfter, sealed } = reply;
  const firstSeedId = reply.firstSeedId === '' ? '' : checkFirstSeedId(reply.firstSeedId, 'first_seed_id');
  const { entity, user, gateway, tokenId } = enrol;
  const psk = deriveTokenPsk(authKey);
  const terms = { entity, user, gateway, notAfter, firstSeedId };
  const opened = openAssignment({ psk, credential: { tokenId }, terms, privateKey: hpkeKey, sealed });
  psk.destroy();
  const { entityUserKey: secret, secondSeed } = opened;
  if (secondSeed === undefined) return { form: 'secret', assigner: serverUriOf(admitted.entity), notAfter, secret };
  return { form: 'secret', assigner: gateway, notAfter, secret, seed: { firstSeedId, secondSeed } };
}

function checkCertificate(
  { admitted, authKey, privateKey }: PendingAssignment,
  { tokenId, key, nonce }: EnrolRequest,
  { chain, mac }: CertificateReply,
  now: number,
): AssignedCertificate {
  // who sent it comes first: a chain of someone else's is not even parsed
  verifyEnrolReplyMac(authKey, { credential: { tokenId }, key, nonce, chain }, mac);
  const { trustDomain } = parseEntityUri(admitted.entity);
  const peer = verifyChain({ chain, root: admitted.root, now, trustDomain });
  if (!peer.spki.equals(key))
    throw unauthenticated('REPLY_MAC', 'the certificate in the reply is not for the key that was sent');
  checkHolder(admitted, peer);
  const assigner = assignerOf(admitted, peer);
  return { form: 'key-pair', assigner, notAfter: peer.notAfter, chain, ...(privateKey && { privateKey }) };
}

function checkHolder({ entity, user, role }: Admitted, peer: VerifiedPeer): void {
  if (peer.subject.name.uri !== entity || peer.subject.user !== user)
    throw permissionDenied('TOKEN_OTHER_ENTITY', 'the certificate in the reply names another entity or user');
  if (peer.role !== role) throw permissionDenied('CERTIFICATE_ROLE', 'the certificate in the reply gives another role');
}

/** A gateway that is called either relays to the Server or assigns itself; it never speaks for another gateway. */
function assignerOf(admitted: Admitted, { issuedBy, issuer }: VerifiedPeer): string {
  if (issuedBy !== 'gateway-ca') return serverUriOf(admitted.entity);
  if (issuer?.uri !== admitted.peer)
    throw permissionDenied(
      'ISSUER_NOT_ASSIGNER',
      'another gateway than the one that was called issued the certificate',
    );
  return issuer.uri;
}
