/**
 * DER by node-forge's `asn1`, held to X.690's one encoding: node-forge alone reads BER as well (indefinite lengths,
 * lengths with leading zeros), which would let two readers see two different certificates in the same bytes.
 */
import { asn1, util } from 'node-forge';
import { encode } from './encode';
import { OID } from './oids';

export { encode, encodedSequence, firstInside } from './encode';

export type Asn1 = asn1.Asn1;

const { Class, Type } = asn1;

interface ReadOptions {
  readonly strict: boolean;
  readonly parseAllBytes: boolean;
  readonly decodeBitStrings: boolean;
  readonly maxDepth: number;
}

// @types/node-forge knows only the older boolean in place of the options
const fromDer = asn1.fromDer as unknown as (bytes: util.ByteBuffer, options: ReadOptions) => Asn1;

/** Nothing that this project reads nests deeper than this. */
const MAX_DEPTH = 16;

/** Why bytes were not accepted; callers turn it into the reason that fits what they were reading. */
export class DerError extends Error {
  override readonly name: string = 'DerError';
}

/** The bytes begin with one well-formed value and go on after it. */
export class TrailingBytesError extends DerError {
  override readonly name = 'TrailingBytesError';
}

/** What node-forge calls bytes: a string of characters 0 to 255. */
export const toBytes = (binary: string): Buffer => Buffer.from(binary, 'latin1');
const toBinary = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/**
 * Reads exactly one DER value.
 * @param maxBytes refused before anything is parsed
 * @throws TrailingBytesError when bytes follow the value, DerError for everything else that is not DER
 */
export function decode(bytes: Uint8Array, maxBytes: number): Asn1 {
  if (bytes.length === 0 || bytes.length > maxBytes)
    throw new DerError(`${bytes.length} bytes, expected 1 to ${maxBytes}`);
  const buffer = util.createBuffer(toBinary(bytes));
  let node: Asn1;
  try {
    node = fromDer(buffer, { strict: true, parseAllBytes: false, decodeBitStrings: false, maxDepth: MAX_DEPTH });
  } catch (cause) {
    throw new DerError('not DER', { cause });
  }
  const used = bytes.length - buffer.length();
  checkValues(node);
  // one length, one encoding: whatever is not written as DER writes it comes back as other bytes
  if (!encode(node).equals(bytes.subarray(0, used))) throw new DerError('BER, not DER');
  if (used !== bytes.length) throw new TrailingBytesError(`${bytes.length - used} bytes follow the value`);
  return node;
}

/** What the lengths do not show. */
function checkValues(node: Asn1): void {
  const { tagClass, type, value } = node;
  // 31 announces a tag of several bytes, which node-forge would take for a length
  if ((type as number) === 0x1f) throw new DerError('multi-byte tag');
  if (typeof value !== 'string') value.forEach(checkValues);
  else if (tagClass === Class.UNIVERSAL && type === Type.INTEGER && !isMinimal(value))
    throw new DerError('INTEGER longer than it need be');
  // the one type that node-forge reads as characters of two bytes; here every value is bytes
  else if (type === Type.BMPSTRING) node.value = Buffer.from(value, 'utf16le').swap16().toString('latin1');
}

/** X.690, 8.3.2: not empty, and the first nine bits are not all equal. */
function isMinimal(integer: string): boolean {
  const [first, second] = [integer.charCodeAt(0), integer.charCodeAt(1)];
  return (
    integer.length === 1 ||
    (first === 0 && second >= 0x80) ||
    (first === 0xff && second < 0x80) ||
    (first > 0 && first < 0xff)
  );
}

/** What `asn1.create` makes, without the copy of the list that it takes: a third of the time of building. */
const make = (tagClass: asn1.Class, type: asn1.Type, constructed: boolean, value: string | Asn1[]): Asn1 => ({
  tagClass,
  type,
  constructed,
  composed: typeof value !== 'string',
  value,
});

type KnownOid = (typeof OID)[keyof typeof OID];

const OID_NODES = Object.fromEntries(
  Object.values(OID).map((dotted) => [
    dotted,
    make(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes()),
  ]),
) as Readonly<Record<KnownOid, Asn1>>;

/** Dotted forms by content; X.690 has one encoding of each, so that what is known needs no decoding. */
const KNOWN_OIDS: ReadonlyMap<Asn1['value'], KnownOid> = new Map(
  Object.values(OID).map((dotted) => [OID_NODES[dotted].value, dotted]),
);

// --- building -------------------------------------------------------------------------------------------------

const primitive = (type: asn1.Type, value: string): Asn1 => make(Class.UNIVERSAL, type, false, value);

export const sequence = (...items: Asn1[]): Asn1 => make(Class.UNIVERSAL, Type.SEQUENCE, true, items);
export const set = (...items: Asn1[]): Asn1 => make(Class.UNIVERSAL, Type.SET, true, items);
export const oid = (dotted: KnownOid): Asn1 => OID_NODES[dotted];
export const nothing = (): Asn1 => primitive(Type.NULL, '');
export const boolean = (value: boolean): Asn1 => primitive(Type.BOOLEAN, value ? '\xff' : '\x00');
export const octets = (bytes: Uint8Array): Asn1 => primitive(Type.OCTETSTRING, toBinary(bytes));
/** An OCTET STRING that holds the DER of a value, which is kept as a value: who reads it back need not decode it. */
export const octetsAround = (node: Asn1): Asn1 => make(Class.UNIVERSAL, Type.OCTETSTRING, false, [node]);
export const utf8 = (text: string): Asn1 => primitive(Type.UTF8, util.encodeUtf8(text));
/** A BIT STRING; `unusedBits` counts the bits of the last byte that say nothing. */
export const bits = (bytes: Uint8Array, unusedBits = 0): Asn1 =>
  primitive(Type.BITSTRING, String.fromCharCode(unusedBits) + toBinary(bytes));
/** A non-negative INTEGER from big-endian bytes. */
export function integer(bytes: Uint8Array): Asn1 {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const body = toBinary(bytes.subarray(start)) || '\x00';
  return primitive(Type.INTEGER, body.charCodeAt(0) >= 0x80 ? `\x00${body}` : body);
}
export const smallInteger = (value: number): Asn1 => primitive(Type.INTEGER, asn1.integerToDer(value).getBytes());
export const enumerated = (value: number): Asn1 => primitive(Type.ENUMERATED, String.fromCharCode(value));
/** `[tag] IMPLICIT`, primitive. */
export const contextBytes = (tag: number, bytes: Uint8Array): Asn1 =>
  make(Class.CONTEXT_SPECIFIC, tag, false, toBinary(bytes));
/** The same, of text in ASCII. */
export const contextText = (tag: number, text: string): Asn1 => make(Class.CONTEXT_SPECIFIC, tag, false, text);
/** `[tag]` around other values: EXPLICIT, or IMPLICIT of a SEQUENCE or SET. */
export const contextOf = (tag: number, ...items: Asn1[]): Asn1 => make(Class.CONTEXT_SPECIFIC, tag, true, items);

// --- taking apart ---------------------------------------------------------------------------------------------

/** The children of a SEQUENCE, SET or `[tag]`. */
export function children(node: Asn1 | undefined, what: string): Asn1[] {
  if (node === undefined || typeof node.value === 'string') throw new DerError(`${what}: not constructed`);
  return node.value;
}

const isUniversal = (node: Asn1 | undefined, type: asn1.Type, constructed: boolean): node is Asn1 =>
  node?.tagClass === Class.UNIVERSAL && node.type === type && node.constructed === constructed;

const primitiveValue = (node: Asn1 | undefined, type: asn1.Type, what: string): string => {
  if (!isUniversal(node, type, false) || typeof node.value !== 'string')
    throw new DerError(`${what}: not a ${Type[type] ?? 'known type'}`);
  return node.value;
};

type Tuple<N extends number, T extends Asn1[] = []> = T['length'] extends N ? T : Tuple<N, [...T, Asn1]>;

/** The items of a SEQUENCE, as many as `count` says, or any number without it. */
export function sequenceOf<N extends number>(node: Asn1 | undefined, what: string, count: N): Tuple<N>;
export function sequenceOf(node: Asn1 | undefined, what: string): Asn1[];
export function sequenceOf(node: Asn1 | undefined, what: string, count?: number): Asn1[] {
  if (!isUniversal(node, Type.SEQUENCE, true)) throw new DerError(`${what}: not a SEQUENCE`);
  const items = children(node, what);
  if (count !== undefined && items.length !== count)
    throw new DerError(`${what}: ${items.length} fields, not ${count}`);
  return items;
}

/** The items of a SET OF, which DER sorts by their encodings (X.690, 11.6). */
export function setOf(node: Asn1 | undefined, what: string): Asn1[] {
  if (!isUniversal(node, Type.SET, true)) throw new DerError(`${what}: not a SET`);
  return sorted(children(node, what), what);
}

/** Checks the order of a SET OF under an implicit tag and returns its items. */
export function sorted(items: Asn1[], what: string): Asn1[] {
  const encodings = items.length > 1 ? items.map(encode) : [];
  if (encodings.some((bytes, i) => i > 0 && Buffer.compare(encodings[i - 1] ?? bytes, bytes) > 0))
    throw new DerError(`${what}: a SET OF out of order`);
  return items;
}

export const isContext = (node: Asn1 | undefined, tag: number, constructed: boolean): node is Asn1 =>
  node?.tagClass === Class.CONTEXT_SPECIFIC && (node.type as number) === tag && node.constructed === constructed;
export const isBoolean = (node: Asn1 | undefined): node is Asn1 => isUniversal(node, Type.BOOLEAN, false);
export const isInteger = (node: Asn1 | undefined): node is Asn1 => isUniversal(node, Type.INTEGER, false);
export const isSequence = (node: Asn1 | undefined): node is Asn1 => isUniversal(node, Type.SEQUENCE, true);
export const isOid = (node: Asn1 | undefined): node is Asn1 => isUniversal(node, Type.OID, false);
export const isNull = (node: Asn1 | undefined): boolean => isUniversal(node, Type.NULL, false) && node.value === '';

/** The bytes of a primitive `[tag] IMPLICIT`. */
export function contextValue(node: Asn1 | undefined, tag: number, what: string): Buffer {
  if (!isContext(node, tag, false) || typeof node.value !== 'string') throw new DerError(`${what}: not [${tag}]`);
  return toBytes(node.value);
}

export const octetsOf = (node: Asn1 | undefined, what: string): Buffer =>
  toBytes(primitiveValue(node, Type.OCTETSTRING, what));

/** The value whose DER an OCTET STRING holds. */
export function insideOctets(node: Asn1 | undefined, what: string, maxBytes: number): Asn1 {
  if (isUniversal(node, Type.OCTETSTRING, false) && typeof node.value !== 'string' && node.value[0] !== undefined)
    return node.value[0];
  return decode(octetsOf(node, what), maxBytes);
}

/** A BOOLEAN; DER has one true, 0xff (X.690, 11.1). */
export function booleanOf(node: Asn1 | undefined, what: string): boolean {
  const value = primitiveValue(node, Type.BOOLEAN, what);
  if (value !== '\xff' && value !== '\x00') throw new DerError(`${what}: BOOLEAN is neither 00 nor ff`);
  return value === '\xff';
}

/** The bytes of a non-negative INTEGER without its sign byte. */
export function unsignedOf(node: Asn1 | undefined, what: string): Buffer {
  const value = primitiveValue(node, Type.INTEGER, what);
  if (value.charCodeAt(0) >= 0x80) throw new DerError(`${what}: a negative INTEGER`);
  return toBytes(value.charCodeAt(0) === 0 && value.length > 1 ? value.slice(1) : value);
}

/** A small non-negative INTEGER. */
export function smallOf(node: Asn1 | undefined, what: string): number {
  const bytes = unsignedOf(node, what);
  if (bytes.length > 4) throw new DerError(`${what}: too large`);
  return bytes.readUIntBE(0, bytes.length);
}

export function enumeratedOf(node: Asn1 | undefined, what: string): number {
  const value = primitiveValue(node, Type.ENUMERATED, what);
  if (value.length !== 1) throw new DerError(`${what}: ENUMERATED of ${value.length} bytes`);
  return value.charCodeAt(0);
}

/** A BIT STRING of whole bytes, as keys and signatures are. */
export function wholeBitsOf(node: Asn1 | undefined, what: string): Buffer {
  const { bytes, unusedBits } = bitsOf(node, what);
  if (unusedBits !== 0) throw new DerError(`${what}: BIT STRING with unused bits`);
  return bytes;
}

export function bitsOf(node: Asn1 | undefined, what: string): { bytes: Buffer; unusedBits: number } {
  const value = primitiveValue(node, Type.BITSTRING, what);
  const unusedBits = value.charCodeAt(0);
  const bytes = toBytes(value.slice(1));
  const last = bytes.at(-1);
  // X.690, 11.2.1: unused bits are zero
  if (!(unusedBits <= 7) || (unusedBits > 0 && (last === undefined || (last & ((1 << unusedBits) - 1)) !== 0)))
    throw new DerError(`${what}: BIT STRING with wrong padding`);
  return { bytes, unusedBits };
}

/** The dotted form of an OID; refuses encodings that are not the one of that dotted form. */
export function oidOf(node: Asn1 | undefined, what: string): string {
  const value = primitiveValue(node, Type.OID, what);
  return KNOWN_OIDS.get(value) ?? unknownOid(value, what);
}

function unknownOid(value: string, what: string): string {
  if (value.length === 0 || value.length > 32) throw new DerError(`${what}: OID of ${value.length} bytes`);
  let dotted: string;
  try {
    dotted = asn1.derToOid(value);
  } catch (cause) {
    throw new DerError(`${what}: OID with an unreadable arc`, { cause });
  }
  if (asn1.oidToDer(dotted).getBytes() !== value) throw new DerError(`${what}: OID not in its shortest form`);
  return dotted;
}

/** The text of a time and its type; times.ts gives it a meaning. */
export function timeText(node: Asn1 | undefined, what: string): { text: string; generalized: boolean } {
  const generalized = isUniversal(node, Type.GENERALIZEDTIME, false);
  return { text: primitiveValue(node, generalized ? Type.GENERALIZEDTIME : Type.UTCTIME, what), generalized };
}

export const timeNode = (text: string, generalized: boolean): Asn1 =>
  primitive(generalized ? Type.GENERALIZEDTIME : Type.UTCTIME, text);
