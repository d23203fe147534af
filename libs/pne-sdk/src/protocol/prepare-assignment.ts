/**
 * EUK-SRV-S/P step 1, EUK-GW-S/P step 4: the request for an Entity-User Key. It is made once and stored before it is
 * sent: whatever happens afterwards, the same bytes are sent again and get the reply that the assigner stored.
 */
import { createCsr, newPrivateKey, parseCsr, signerFromPkcs8 } from '@cpns/certificate-issuance';
import { AssignmentRequest, assignmentRequest } from '@cpns/contracts';
import {
  invalidArgument,
  NONCE_BYTES,
  type HpkePrivateKey,
  type PrivateKeyDer,
  type Random,
  type TokenAuthKey,
  formatSubject,
} from '@cpns/core';
import {
  deriveTokenAuthKey,
  enrolMac,
  generateHpkeKeyPair,
  type EnrolRequest,
  type OneTimeString,
} from '@cpns/key-derivation';
import { admittedBy, routeOf, type Admitted } from './admitted';

/** A request that waits for its reply, and what it takes to open that. T is gone from here on. */
export interface PendingAssignment {
  readonly admitted: Admitted;
  /** A */
  readonly authKey: TokenAuthKey;
  /** The AssignmentRequest, encoded; it holds no secret. */
  readonly request: Buffer;
  /** In form secret: opens the reply. */
  readonly hpkeKey?: HpkePrivateKey;
  /** In form key pair, unless the key stays with whoever made the CSR. */
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
