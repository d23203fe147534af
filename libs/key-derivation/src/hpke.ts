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
 * Curve, HMAC and cipher are those of `node:crypto`. Every secret on the way is overwritten after its use.
 */
import { createCipheriv, createDecipheriv, createECDH, createHmac, ECDH } from 'node:crypto';
import { HpkePrivateKey, invalidArgument, SECRET_BYTES, unauthenticated, type Random } from '@cpns/core';
import { checkSize } from './formulas';

/** Size of a public key or an encapsulated key, in bytes: an uncompressed point of P-256. */
export const HPKE_PUBLIC_KEY_BYTES = 65;
/** What AES-256-GCM adds to a plaintext, in bytes. */
export const HPKE_TAG_BYTES = 16;
const UNCOMPRESSED = 0x04;
const CURVE = 'prime256v1';
/** The order of P-256's group, big-endian (SP 800-186, 3.2.1.3). */
const ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
const CANDIDATES = 256;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const EMPTY = Buffer.alloc(0);

/** suite_id of the KEM (4.1) and of HPKE (5.1). */
const SUITE_ID = { KEM: 'KEM\x00\x10', HPKE: 'HPKE\x00\x10\x00\x01\x00\x02' } as const;
type Suite = keyof typeof SUITE_ID;

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

/** Overwrites a secret after its one use. */
function spend<T>(secret: Buffer, use: (secret: Buffer) => T): T {
  try {
    return use(secret);
  } finally {
    secret.fill(0);
  }
}

/** LabeledExtract (4), 32 bytes. */
const labeledExtract = (suite: Suite, salt: Uint8Array, label: string, ikm: Uint8Array): Buffer =>
  createHmac('sha256', salt).update(`HPKE-v1${SUITE_ID[suite]}${label}`).update(ikm).digest();

/** LabeledExpand (4), at most the 32 bytes of one block, which has the number 1 (RFC 5869, 2.3). */
const labeledExpand = (suite: Suite, prk: Buffer, label: string, info: Uint8Array, length = SECRET_BYTES): Buffer =>
  createHmac('sha256', prk)
    .update(`\x00${String.fromCharCode(length)}HPKE-v1${SUITE_ID[suite]}${label}`)
    .update(info)
    .update('\x01')
    .digest()
    .subarray(0, length);

/**
 * The loop of DeriveKeyPair (7.1.3): the first candidate that is a private key, a number from 1 to the order less 1.
 * @throws RangeError when none of 256 is one (DeriveKeyPairError)
 */
export function firstPrivateKey(candidate: (counter: number) => Buffer): Buffer {
  for (let counter = 0; counter < CANDIDATES; counter += 1) {
    const bytes = candidate(counter);
    if (bytes.compare(ORDER) < 0 && bytes.some((byte) => byte !== 0)) return bytes;
  }
  throw new RangeError(`none of ${CANDIDATES} candidates is a private key of P-256`);
}

/** `privateKey` has 32 bytes. */
function keyPairOf(privateKey: Uint8Array): ECDH {
  const pair = createECDH(CURVE);
  pair.setPrivateKey(privateKey);
  return pair;
}

/** DeriveKeyPair (7.1.3) of 32 random bytes. The private key of 32 bytes is overwritten after its use. */
function withNewKeyPair<T>(random: Random, use: (pair: ECDH, privateKey: Buffer) => T): T {
  const prk = spend(random.bytes(SECRET_BYTES), (ikm) => labeledExtract('KEM', EMPTY, 'dkp_prk', ikm));
  const privateKey = spend(prk, () =>
    firstPrivateKey((counter) => labeledExpand('KEM', prk, 'candidate', Buffer.of(counter))),
  );
  return spend(privateKey, () => use(keyPairOf(privateKey), privateKey));
}

/** A fresh one-time key. */
export const generateHpkeKeyPair = (random: Random): HpkeKeyPair =>
  withNewKeyPair(random, (pair, privateKey) => ({
    privateKey: new HpkePrivateKey(privateKey),
    publicKey: pair.getPublicKey(),
  }));

/** The public key of a stored private key, 65 bytes. */
export const hpkePublicKey = (privateKey: HpkePrivateKey): Buffer => keyPairOf(privateKey.expose()).getPublicKey();

/** What OpenSSL says of bytes that are no point of the curve, in {@link ECDH.convertKey} and in `computeSecret`. */
const NO_POINT: readonly unknown[] = ['ERR_CRYPTO_OPERATION_FAILED', 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY'];

/** Has OpenSSL take a public key, and so look whether it is a point of the curve. @throws as {@link checkHpkePublicKey} */
function takePoint<T>(bytes: Uint8Array, field: string, take: () => T): T {
  checkSize(bytes, HPKE_PUBLIC_KEY_BYTES, field);
  const malformed = (cause?: unknown) =>
    invalidArgument('MALFORMED_MESSAGE', `${field} is not an uncompressed point of P-256`, {
      metadata: { field },
      cause,
    });
  if (bytes[0] !== UNCOMPRESSED) throw malformed();
  try {
    return take();
  } catch (cause) {
    throw NO_POINT.includes((cause as NodeJS.ErrnoException).code) ? malformed(cause) : cause;
  }
}

/**
 * Checks a public or encapsulated key: an uncompressed point on P-256. (OpenSSL would also take the hybrid form, so
 * that one key had two spellings.)
 * @throws CpnsError FIELD_MISSING, FIELD_SIZE; MALFORMED_MESSAGE when it is no such point
 */
export function checkHpkePublicKey(bytes: Uint8Array, field = 'HPKE key'): void {
  takePoint(bytes, field, () => ECDH.convertKey(bytes, CURVE));
}

/** ExtractAndExpand (4.1). */
const sharedSecret = (dh: Buffer, enc: Uint8Array, recipientKey: Uint8Array): Buffer =>
  spend(
    spend(dh, () => labeledExtract('KEM', EMPTY, 'eae_prk', dh)),
    (prk) => labeledExpand('KEM', prk, 'shared_secret', Buffer.concat([enc, recipientKey])),
  );

/**
 * Encap (4.1). The DH result cannot be the point at infinity, which 7.1.4 rules out: OpenSSL refuses to give it.
 * @returns enc, 65 bytes, and the shared secret, 32 bytes
 * @throws CpnsError for a public key that {@link checkHpkePublicKey} refuses
 */
export function encapsulate(
  recipientKey: Uint8Array,
  random: Random,
): { readonly enc: Buffer; readonly shared: Buffer } {
  return withNewKeyPair(random, (pair) => {
    const dh = takePoint(recipientKey, 'HPKE key', () => pair.computeSecret(recipientKey));
    const enc = pair.getPublicKey();
    return { enc, shared: sharedSecret(dh, enc, recipientKey) };
  });
}

/** Decap (4.1): the shared secret, 32 bytes. @throws CpnsError for an enc that {@link checkHpkePublicKey} refuses */
export function decapsulate(privateKey: HpkePrivateKey, enc: Uint8Array): Buffer {
  const pair = keyPairOf(privateKey.expose());
  const dh = takePoint(enc, 'enc', () => pair.computeSecret(enc));
  return sharedSecret(dh, enc, pair.getPublicKey());
}

interface BaseSetup {
  readonly info: Uint8Array;
}

interface PskSetup extends BaseSetup {
  readonly psk: { readonly id: Uint8Array; readonly key: Uint8Array };
}

/** A secret of a context. @param length in bytes, 32 unless given */
type DeriveSecret = (label: 'key' | 'base_nonce' | 'exp', length?: number) => Buffer;

/**
 * KeySchedule (5.1): of mode_psk where the setup has a pre-shared key, else of mode_base.
 * @param shared overwritten
 * @throws RangeError for a pre-shared key without an id, or of less than 32 bytes (5.1.2)
 */
export function withKeySchedule<T>(
  shared: Buffer,
  { info, psk }: BaseSetup & Partial<PskSetup>,
  use: (derive: DeriveSecret) => T,
): T {
  if (psk !== undefined && (psk.id.length === 0 || psk.key.length < SECRET_BYTES))
    throw new RangeError(`a pre-shared key has an id, and at least ${SECRET_BYTES} bytes`);
  const context = Buffer.concat([
    Buffer.of(psk === undefined ? 0 : 1),
    labeledExtract('HPKE', EMPTY, 'psk_id_hash', psk?.id ?? EMPTY),
    labeledExtract('HPKE', EMPTY, 'info_hash', info),
  ]);
  const secret = spend(shared, () => labeledExtract('HPKE', shared, 'secret', psk?.key ?? EMPTY));
  return spend(secret, () => use((label, length) => labeledExpand('HPKE', secret, label, context, length)));
}

/** @throws CpnsError for a public key that {@link checkHpkePublicKey} refuses */
export function sealWithPsk(
  setup: PskSetup & { readonly recipientKey: Uint8Array },
  plaintext: Uint8Array,
  random: Random,
): Sealed {
  const { enc, shared } = encapsulate(setup.recipientKey, random);
  return withKeySchedule(shared, setup, (derive) =>
    spend(derive('key'), (key) => {
      const cipher = createCipheriv(CIPHER, key, derive('base_nonce', NONCE_BYTES));
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return { enc, ciphertext };
    }),
  );
}

/** @throws CpnsError for an enc that {@link checkHpkePublicKey} refuses; REPLY_MAC when it does not open */
export function openWithPsk(
  setup: PskSetup & { readonly privateKey: HpkePrivateKey; readonly sealed: Sealed },
): Buffer {
  const { enc, ciphertext } = setup.sealed;
  const shared = decapsulate(setup.privateKey, enc);
  return withKeySchedule(shared, setup, (derive) =>
    spend(derive('key'), (key) => {
      const nonce = derive('base_nonce', NONCE_BYTES);
      try {
        const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: HPKE_TAG_BYTES });
        decipher.setAuthTag(ciphertext.subarray(-HPKE_TAG_BYTES));
        const plaintext = decipher.update(ciphertext.subarray(0, -HPKE_TAG_BYTES));
        // in GCM it checks the tag and adds nothing
        decipher.final();
        return plaintext;
      } catch (cause) {
        throw unauthenticated('REPLY_MAC', 'the reply was not made for this request', { cause });
      }
    }),
  );
}

/** Context.Export (5.3), 32 bytes. */
const exportSecret = (shared: Buffer, { info, context }: ExportSetup): Buffer =>
  withKeySchedule(shared, { info }, (derive) =>
    spend(derive('exp'), (exporter) => labeledExpand('HPKE', exporter, 'sec', context)),
  );

interface ExportSetup extends BaseSetup {
  readonly context: Uint8Array;
}

/** Sender's side of mode_base: a new enc, and 32 exported bytes. @throws CpnsError for a bad public key */
export function exportAsSender(
  setup: ExportSetup & { readonly recipientKey: Uint8Array },
  random: Random,
): { readonly enc: Buffer; readonly exported: Buffer } {
  const { enc, shared } = encapsulate(setup.recipientKey, random);
  return { enc, exported: exportSecret(shared, setup) };
}

/** Recipient's side of mode_base: the same 32 bytes. @throws CpnsError for a bad enc */
export const exportAsRecipient = (
  setup: ExportSetup & { readonly privateKey: HpkePrivateKey; readonly enc: Uint8Array },
): Buffer => exportSecret(decapsulate(setup.privateKey, setup.enc), setup);
