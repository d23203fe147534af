/**
 * S for a certificate holder (protocol.md, "Registration"): what stands for the Entity-User Key's secret from then on.
 *
 * ```
 *   entity                                                    Server
 *   K (one-time HPKE key), sign("hpke-key" E token cert K) -->  check the signature by the certified key
 *                                                               HPKE mode_base to K --> enc, export S
 *   enc, export the same S  <--  enc, sign("pairwise" E cert K enc) by service/cpns-server
 * ```
 * Both statements are what formulas.ts signs and verifies. That K and enc are points is checked where they come in: by the
 * messages that carry them, and once more by the exchange itself.
 */
import { EntityUserKey, type HpkePrivateKey, type Random } from '@cpns/core';
import { checkSize, Message, sha256 } from './formulas';
import { exportAsRecipient, exportAsSender, HPKE_PUBLIC_KEY_BYTES } from './hpke';

export interface HpkeKeyStatement {
  readonly entity: string;
  readonly tokenId: string;
  /** The holder's own certificate, DER. */
  readonly certificate: Uint8Array;
  /** K, 65 bytes. */
  readonly hpkeKey: Uint8Array;
}

export interface PairwiseStatement {
  readonly entity: string;
  readonly certificate: Uint8Array;
  readonly hpkeKey: Uint8Array;
  /** 65 bytes. */
  readonly enc: Uint8Array;
}

/** What the holder signs to offer K. @throws CpnsError FIELD_SIZE */
export function hpkeKeyStatement(statement: HpkeKeyStatement): Buffer {
  checkSize(statement.hpkeKey, HPKE_PUBLIC_KEY_BYTES, 'HPKE key');
  return new Message('cpns/v1/hpke-key')
    .text(statement.entity)
    .text(statement.tokenId)
    .lp(sha256(statement.certificate))
    .lp(statement.hpkeKey)
    .bytes();
}

/** What the Server signs with its answer. @throws CpnsError FIELD_SIZE */
export function pairwiseStatement(statement: PairwiseStatement): Buffer {
  checkSize(statement.hpkeKey, HPKE_PUBLIC_KEY_BYTES, 'HPKE key');
  checkSize(statement.enc, HPKE_PUBLIC_KEY_BYTES, 'enc');
  return new Message('cpns/v1/pairwise')
    .text(statement.entity)
    .lp(sha256(statement.certificate))
    .lp(statement.hpkeKey)
    .lp(statement.enc)
    .bytes();
}

/** What S is bound to. */
export interface PairwiseTerms {
  readonly entity: string;
  readonly user: string;
  /** DER */
  readonly certificate: Uint8Array;
}

const setupOf = ({ entity, user, certificate }: PairwiseTerms) => ({
  info: new Message('cpns/v1/pairwise').lp(sha256(certificate)).bytes(),
  context: new Message('cpns/v1/entity-user-key').text(entity).text(user).bytes(),
});

/** The Server's side. @throws CpnsError FIELD_SIZE, MALFORMED_MESSAGE when K is no point */
export function offerPairwise(
  terms: PairwiseTerms,
  hpkeKey: Uint8Array,
  random: Random,
): { readonly enc: Buffer; readonly secret: EntityUserKey } {
  const { enc, exported } = exportAsSender({ ...setupOf(terms), recipientKey: hpkeKey }, random);
  const secret = new EntityUserKey(exported);
  exported.fill(0);
  return { enc, secret };
}

/** The holder's side. @throws CpnsError FIELD_SIZE, MALFORMED_MESSAGE when enc is no point */
export function acceptPairwise(terms: PairwiseTerms, privateKey: HpkePrivateKey, enc: Uint8Array): EntityUserKey {
  const exported = exportAsRecipient({ ...setupOf(terms), privateKey, enc });
  const secret = new EntityUserKey(exported);
  exported.fill(0);
  return secret;
}
