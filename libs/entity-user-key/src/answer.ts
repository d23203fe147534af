/** The two answers to a request that was judged good (protocol.md, "Admission", reply 1 and reply 2). */
import type { Random, TokenAuthKey } from '@cpns/core';
import {
  deriveTokenPsk,
  enrolReplyMac,
  sealAssignment,
  type AssignedSecrets,
  type Credential,
  type RequestFields,
  type Sealed,
} from '@cpns/key-derivation';

export interface SecretAnswer {
  readonly form: 'secret';
  readonly sealed: Sealed;
  /** Unix milliseconds. */
  readonly notAfter: number;
  /** Empty from the Server. */
  readonly firstSeedId: string;
}

export interface CertificateAnswer {
  readonly form: 'key-pair';
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** 32 bytes. */
  readonly mac: Buffer;
}

/** What a request showed: a token, or in a renewal the live key; and the key A that goes with it. */
export interface ShownCredential {
  readonly credential: Credential;
  readonly authKey: TokenAuthKey;
}

/** Reply 1: only who made the request can read the key, not even the gateway that carries it. */
export function answerWithSecret(
  shown: ShownCredential,
  request: RequestFields,
  assigned: { readonly secrets: AssignedSecrets; readonly notAfter: number; readonly firstSeedId: string },
  random: Random,
): SecretAnswer {
  const { secrets, notAfter, firstSeedId } = assigned;
  const terms = { entity: request.entity, user: request.user, gateway: request.gateway, notAfter, firstSeedId };
  const psk = deriveTokenPsk(shown.authKey);
  const sealed = sealAssignment(
    { psk, credential: shown.credential, terms, recipientKey: request.key, secrets },
    random,
  );
  psk.destroy();
  return { form: 'secret', sealed, notAfter, firstSeedId };
}

/** Reply 2: the chain, vouched for by who holds A. */
export function answerWithCertificate(
  shown: ShownCredential,
  request: RequestFields,
  chain: readonly Buffer[],
): CertificateAnswer {
  const { key, nonce } = request;
  return {
    form: 'key-pair',
    chain,
    mac: enrolReplyMac(shown.authKey, { credential: shown.credential, key, nonce, chain }),
  };
}
