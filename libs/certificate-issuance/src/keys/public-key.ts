import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import {
  DerError,
  encode,
  isNull,
  isOid,
  oidOf,
  sequenceOf,
  unsignedOf,
  decode,
  wholeBitsOf,
  type Asn1,
} from '../der/asn1';
import { OID } from '../der/oids';

/** The kinds of key that an entity or an authority may have (protocol.md, "Certificates"). */
export const KEY_KINDS = ['P-256', 'RSA-2048', 'RSA-3072', 'Ed25519'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** Far more than an accepted key takes, in bytes, so that one too large is called weak and not malformed. */
export const SPKI_MAX_BYTES = 8192;

/** A key that is well-formed DER but none of {@link KEY_KINDS}, or no key of its kind. */
export class WeakKeyError extends Error {
  override readonly name = 'WeakKeyError';
}

/** A public key whose kind and form were checked. */
export class PublicKey {
  readonly kind: KeyKind;
  /** The content of subjectPublicKey: what key identifiers are made from. */
  readonly bits: Buffer;
  /** Parsed form of the SubjectPublicKeyInfo, to be put into a certificate unaltered. */
  readonly node: Asn1;
  readonly #jwk: JsonWebKey;
  #spki: Buffer | undefined;
  #keyObject: KeyObject | undefined;

  private constructor(kind: KeyKind, node: Asn1, bits: Buffer, jwk: JsonWebKey) {
    this.kind = kind;
    this.bits = bits;
    this.node = node;
    this.#jwk = jwk;
  }

  /**
   * @throws DerError when the node is no SubjectPublicKeyInfo, WeakKeyError when it holds a key of another kind
   */
  static fromNode(node: Asn1): PublicKey {
    const [algorithm, subjectPublicKey] = sequenceOf(node, 'SubjectPublicKeyInfo', 2);
    const [id, parameters] = sequenceOf(algorithm, 'key algorithm');
    const bits = wholeBitsOf(subjectPublicKey, 'subjectPublicKey');
    const [kind, jwk] = readKey(oidOf(id, 'key algorithm'), parameters, bits);
    return new PublicKey(kind, node, bits, jwk);
  }

  /** @throws DerError, WeakKeyError as {@link fromNode} */
  static fromSpki(spki: Uint8Array): PublicKey {
    return PublicKey.fromNode(decode(spki, SPKI_MAX_BYTES));
  }

  /** SubjectPublicKeyInfo, DER, as it was received. */
  get spki(): Buffer {
    return (this.#spki ??= encode(this.node));
  }

  /**
   * For `node:crypto`, made at the first use: a JWK imports twice as fast as an SPKI.
   * @throws WeakKeyError when the bytes are no key, as a point that is not on its curve
   */
  get keyObject(): KeyObject {
    if (this.#keyObject === undefined) {
      try {
        this.#keyObject = createPublicKey({ key: this.#jwk, format: 'jwk' });
      } catch (cause) {
        throw new WeakKeyError(`not a ${this.kind} key`, { cause });
      }
    }
    return this.#keyObject;
  }
}

function readKey(id: string, parameters: Asn1 | undefined, bits: Buffer): [KeyKind, JsonWebKey] {
  switch (id) {
    case OID.ecPublicKey:
      return ['P-256', p256(parameters, bits)];
    case OID.rsaEncryption:
      return rsa(parameters, bits);
    case OID.ed25519:
      return ['Ed25519', ed25519(parameters, bits)];
    default:
      throw new WeakKeyError(`key algorithm ${id}`);
  }
}

/** RFC 5480: a named curve and an uncompressed point. */
function p256(parameters: Asn1 | undefined, bits: Buffer): JsonWebKey {
  // explicit curve parameters are a SEQUENCE, and a way to smuggle in a curve of one's own (CVE-2020-0601)
  if (!isOid(parameters) || oidOf(parameters, 'curve') !== OID.p256) throw new WeakKeyError('curve other than P-256');
  if (bits.length !== 65 || bits[0] !== 0x04) throw new WeakKeyError('point other than uncompressed');
  return { kty: 'EC', crv: 'P-256', x: bits.toString('base64url', 1, 33), y: bits.toString('base64url', 33) };
}

const EXPONENT_MIN = 65_537;
const EXPONENT_MAX = 0xffff_ffff;

/** RFC 8017: exactly 2048 or 3072 bits, and an exponent that is neither too small to be safe nor so large as to be slow. */
function rsa(parameters: Asn1 | undefined, bits: Buffer): [KeyKind, JsonWebKey] {
  if (!isNull(parameters)) throw new DerError('RSA key: parameters are not NULL');
  const [n, e] = sequenceOf(decode(bits, SPKI_MAX_BYTES), 'RSAPublicKey', 2);
  const modulus = unsignedOf(n, 'modulus');
  const exponent = unsignedOf(e, 'public exponent');
  const kind = ({ 256: 'RSA-2048', 384: 'RSA-3072' } as const)[modulus.length];
  if (kind === undefined || (modulus[0] ?? 0) < 0x80) throw new WeakKeyError('modulus of neither 2048 nor 3072 bits');
  const value = exponent.length > 4 ? Infinity : exponent.readUIntBE(0, exponent.length);
  if (value < EXPONENT_MIN || value > EXPONENT_MAX || value % 2 === 0)
    throw new WeakKeyError(`public exponent is not an odd number from ${EXPONENT_MIN} to ${EXPONENT_MAX}`);
  if (((modulus.at(-1) ?? 0) & 1) === 0) throw new WeakKeyError('even modulus');
  return [kind, { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') }];
}

/** RFC 8410: no parameters, 32 bytes. */
function ed25519(parameters: Asn1 | undefined, bits: Buffer): JsonWebKey {
  if (parameters !== undefined) throw new DerError('Ed25519 key: has parameters');
  if (bits.length !== 32) throw new DerError('Ed25519 key: not 32 bytes');
  if (isSmallOrder(bits)) throw new WeakKeyError('Ed25519 point of small order');
  return { kty: 'OKP', crv: 'Ed25519', x: bits.toString('base64url') };
}

/**
 * The y coordinates, little-endian, of the points of order 1, 2, 4 and 8 and their spellings above the prime. Under
 * such a key anyone can make a signature that verifies, so a CSR for it proves nothing.
 */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

function isSmallOrder(point: Buffer): boolean {
  const y = Buffer.from(point);
  y[31] = (y[31] ?? 0) & 0x7f; // the sign of x
  return SMALL_ORDER.has(y.toString('hex'));
}
