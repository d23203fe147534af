/**
 * HPKE (RFC 9180) in the one suite of the protocol: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; aad is empty.
 *
 * ```
 *   random 32 bytes -- DeriveKeyPair (7.1.3) --> ephemeral key --> enc, 65 bytes
 *                                                    | DH with the recipient's key
 *                                                    v
 *   mode_psk   psk, psk-id, info ---- key schedule (5.1) --> seal, open      an assigned secret
 *   mode_base  info ----------------- key schedule (5.1) --> export (5.3)    S of a certificate holder
 * ```
 */
import { createECDH, ECDH } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { HpkePrivateKey, invalidArgument, SECRET_BYTES, unauthenticated, type Random } from '@cpns/core';
import { checkSize } from './hkdf';

/** Size of a public key or an encapsulated key, in bytes: an uncompressed point of P-256. */
export const HPKE_PUBLIC_KEY_BYTES = 65;
/** What AES-256-GCM adds to a plaintext, in bytes. */
export const HPKE_TAG_BYTES = 16;
const UNCOMPRESSED = 0x04;
const CURVE = 'prime256v1';

const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

export interface HpkeKeyPair {
  /** 32 bytes; can be stored, sealed, until the reply came. */
  readonly privateKey: HpkePrivateKey;
  /** 65 bytes, uncompressed. */
  readonly publicKey: Buffer;
}

export interface Sealed {
  /** Encapsulated key, 65 bytes. */
  readonly enc: Uint8Array;
  /** With its 16-byte tag. */
  readonly ciphertext: Uint8Array;
}

/** A fresh one-time key. */
export async function generateHpkeKeyPair(random: Random): Promise<HpkeKeyPair> {
  const pair = await suite.kem.deriveKeyPair(random.bytes(SECRET_BYTES));
  return {
    privateKey: new HpkePrivateKey(Buffer.from(await suite.kem.serializePrivateKey(pair.privateKey))),
    publicKey: Buffer.from(await suite.kem.serializePublicKey(pair.publicKey)),
  };
}

/** The public key of a stored private key, 65 bytes. */
export function hpkePublicKey(privateKey: HpkePrivateKey): Buffer {
  const ecdh = createECDH(CURVE);
  ecdh.setPrivateKey(privateKey.expose());
  return ecdh.getPublicKey();
}

/**
 * Checks a public or encapsulated key: an uncompressed point on P-256. (OpenSSL would also take the hybrid form, so
 * that one key had two spellings.)
 * @throws CpnsError FIELD_MISSING, FIELD_SIZE; MALFORMED_MESSAGE when it is no such point
 */
export function checkHpkePublicKey(bytes: Uint8Array, field = 'HPKE key'): void {
  checkSize(bytes, HPKE_PUBLIC_KEY_BYTES, field);
  const malformed = (cause?: unknown) =>
    invalidArgument('MALFORMED_MESSAGE', `${field} is not an uncompressed point of P-256`, {
      metadata: { field },
      cause,
    });
  if (bytes[0] !== UNCOMPRESSED) throw malformed();
  try {
    ECDH.convertKey(bytes, CURVE);
  } catch (cause) {
    throw malformed(cause);
  }
}

interface PskSetup {
  readonly psk: Uint8Array;
  readonly pskId: Uint8Array;
  readonly info: Uint8Array;
}

/** @throws CpnsError for a public key that {@link checkHpkePublicKey} refuses */
export async function sealWithPsk(
  setup: PskSetup & { readonly recipientKey: Uint8Array },
  plaintext: Uint8Array,
  random: Random,
): Promise<Sealed> {
  checkHpkePublicKey(setup.recipientKey);
  const sender = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(setup.recipientKey),
    info: setup.info,
    psk: { id: setup.pskId, key: setup.psk },
    ekm: random.bytes(SECRET_BYTES),
  });
  return { enc: Buffer.from(sender.enc), ciphertext: Buffer.from(await sender.seal(plaintext)) };
}

/** @throws CpnsError for an enc that {@link checkHpkePublicKey} refuses; REPLY_MAC when it does not open */
export async function openWithPsk(
  setup: PskSetup & { readonly privateKey: HpkePrivateKey; readonly sealed: Sealed },
): Promise<Buffer> {
  checkHpkePublicKey(setup.sealed.enc, 'enc');
  const recipient = await suite.createRecipientContext({
    recipientKey: await suite.kem.deserializePrivateKey(setup.privateKey.expose()),
    info: setup.info,
    psk: { id: setup.pskId, key: setup.psk },
    enc: setup.sealed.enc,
  });
  try {
    return Buffer.from(await recipient.open(setup.sealed.ciphertext));
  } catch (cause) {
    throw unauthenticated('REPLY_MAC', 'the reply was not made for this request', { cause });
  }
}

/** Sender's side of mode_base: a new enc, and 32 exported bytes. @throws CpnsError for a bad public key */
export async function exportAsSender(
  setup: { readonly info: Uint8Array; readonly context: Uint8Array; readonly recipientKey: Uint8Array },
  random: Random,
): Promise<{ readonly enc: Buffer; readonly exported: Buffer }> {
  checkHpkePublicKey(setup.recipientKey);
  const sender = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(setup.recipientKey),
    info: setup.info,
    ekm: random.bytes(SECRET_BYTES),
  });
  return { enc: Buffer.from(sender.enc), exported: Buffer.from(await sender.export(setup.context, SECRET_BYTES)) };
}

/** Recipient's side of mode_base: the same 32 bytes. @throws CpnsError for a bad enc */
export async function exportAsRecipient(setup: {
  readonly info: Uint8Array;
  readonly context: Uint8Array;
  readonly privateKey: HpkePrivateKey;
  readonly enc: Uint8Array;
}): Promise<Buffer> {
  checkHpkePublicKey(setup.enc, 'enc');
  const recipient = await suite.createRecipientContext({
    recipientKey: await suite.kem.deserializePrivateKey(setup.privateKey.expose()),
    info: setup.info,
    enc: setup.enc,
  });
  return Buffer.from(await recipient.export(setup.context, SECRET_BYTES));
}
