import { sequenceOf, booleanOf, DerError, insideOctets, isBoolean, oidOf, type Asn1 } from '../der/asn1';
import { authorityKeyIdentifier } from './authority-key-identifier';
import { basicConstraints, type BasicConstraints } from './basic-constraints';
import { extendedKeyUsage, type ExtendedKeyUsage } from './extended-key-usage';
import type { ExtensionCodec, Marked } from './extension';
import type { GeneralName } from './general-name';
import { keyUsage, type KeyUsage } from './key-usage';
import { nameConstraints, type NameConstraints } from './name-constraints';
import { subjectAlternativeName } from './subject-alternative-name';
import { subjectKeyIdentifier } from './subject-key-identifier';

export interface ExtensionValues {
  basicConstraints: BasicConstraints;
  keyUsage: readonly KeyUsage[];
  extendedKeyUsage: readonly ExtendedKeyUsage[];
  subjectAlternativeName: readonly GeneralName[];
  nameConstraints: NameConstraints;
  subjectKeyIdentifier: Buffer;
  authorityKeyIdentifier: Buffer;
}
export type ExtensionId = keyof ExtensionValues;

/** In the order in which certificates carry them. */
export const EXTENSIONS: { readonly [K in ExtensionId]: ExtensionCodec<ExtensionValues[K]> } = {
  basicConstraints,
  keyUsage,
  extendedKeyUsage,
  subjectAlternativeName,
  nameConstraints,
  subjectKeyIdentifier,
  authorityKeyIdentifier,
};

/** The extensions of a certificate; one that is absent is undefined. */
export type Extensions = { readonly [K in ExtensionId]?: Marked<ExtensionValues[K]> };

const BY_OID = new Map(
  Object.entries(EXTENSIONS).map(([id, codec]: [string, { oid: string }]) => [codec.oid, id as ExtensionId]),
);

/** Far more than any extension of a profile takes, in bytes. */
const EXTENSION_MAX_BYTES = 8192;

/** The three fields of an Extension, what is in its OCTET STRING not read yet. */
export function readExtension(node: Asn1): { id: string; critical: boolean; content: Asn1 | undefined } {
  const fields = sequenceOf(node, 'extension');
  const [id, second, third] = fields;
  const marked = isBoolean(second);
  if (fields.length !== (marked ? 3 : 2)) throw new DerError('extension');
  // FALSE is the default, which DER leaves out
  if (marked && !booleanOf(second, 'critical')) throw new DerError('extension: critical FALSE written out');
  return { id: oidOf(id, 'extension'), critical: marked, content: marked ? third : second };
}

/** The value in an extension's OCTET STRING, which is DER again. */
export const readContent = (content: Asn1 | undefined): Asn1 => insideOctets(content, 'extension', EXTENSION_MAX_BYTES);

interface ReadExtension {
  readonly id: ExtensionId;
  readonly marked: Marked<unknown>;
}

/** Extensions that stand in certificate after certificate, read once: an issuer holds everything it builds to the rules. */
const KNOWN = new WeakMap<Asn1, ReadExtension>();

/** Marks a node that will be read again and again, and must not be changed afterwards. */
export function remember(node: Asn1): Asn1 {
  KNOWN.set(node, readKnown(node));
  return node;
}

function readKnown(node: Asn1): ReadExtension {
  const { id, critical, content } = readExtension(node);
  const known = BY_OID.get(id);
  if (known === undefined) throw new DerError(`extension ${id} is of no profile`);
  return { id: known, marked: { critical, value: EXTENSIONS[known].decode(readContent(content)) } };
}

/**
 * Extensions of RFC 5280, 4.1.
 * @throws DerError also for an extension that is of no profile, and for one that is there twice
 */
export function readExtensions(node: Asn1 | undefined): Extensions {
  const found: Partial<Record<ExtensionId, Marked<unknown>>> = {};
  for (const item of sequenceOf(node, 'extensions')) {
    const { id, marked } = KNOWN.get(item) ?? readKnown(item);
    if (found[id] !== undefined) throw new DerError(`extension ${id} twice`);
    found[id] = marked;
  }
  return found as Extensions;
}
