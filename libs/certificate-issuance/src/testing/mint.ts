/** What a hostile authority can make, and the keys for it. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { systemRandom } from '@cpns/core';
import { contextOf, encode, sequenceOf, type Asn1 } from '../der/asn1';
import { EXTENSIONS, readExtension, type ExtensionId, type ExtensionValues } from '../extensions';
import { extensionNode } from '../extensions/extension';
import type { GeneralName } from '../extensions/general-name';
import { certificateDer, tbsNode } from '../issue/build-tbs';
import type { Issuer } from '../issue/issuer';
import { newSerial } from '../issue/serial';
import type { KeyKind, PublicKey } from '../keys/public-key';
import { localSigner, type Signer } from '../keys/signer';
import type { ProfileId } from '../profiles/profile';
import { PROFILES } from '../profiles/profiles';

const MAKE: Readonly<Record<KeyKind, () => KeyObject>> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'RSA-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'RSA-3072': () => generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey,
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
};

/** A fresh private key. */
export const newKey = (kind: KeyKind = 'P-256'): KeyObject => MAKE[kind]();

/** A signer with a fresh key. */
export const newSigner = (kind: KeyKind = 'P-256'): Signer => localSigner(newKey(kind));

export interface MintRequest {
  readonly profile: ProfileId;
  readonly key: PublicKey;
  readonly uri?: string;
  /** Unix milliseconds; without it the issuer's own. */
  readonly notBefore?: number;
  /** Unix milliseconds; without it the issuer's own. */
  readonly notAfter?: number;
  /** Replaces the SAN as a whole. */
  readonly names?: readonly GeneralName[];
  /** Changes the list of extensions. */
  readonly extensions?: (list: Asn1[]) => Asn1[];
  /** Changes the fields of TBSCertificate, in their order. */
  readonly fields?: (list: Asn1[]) => void;
}

/**
 * What a hostile authority can do: a certificate that no rule was held against, properly signed.
 * @returns DER
 */
export async function mint(issuer: Issuer, request: MintRequest): Promise<Buffer> {
  const { notBefore, notAfter } = issuer.certificate;
  const profile = PROFILES[request.profile];
  const node = tbsNode(issuer.parts, {
    notBefore,
    notAfter,
    uri: undefined,
    ...request,
    profile,
    serial: newSerial(systemRandom),
    dnsNames: [],
    ipAddresses: [],
  });
  // a copy, since an issuer's parts stand in all of its certificates
  const tbs = structuredClone(node);
  const fields = sequenceOf(tbs, 'TBSCertificate', 8);
  const { names } = request;
  if (names !== undefined) editExtensions(fields, (list) => replaced(list, 'subjectAlternativeName', names, true));
  if (request.extensions !== undefined) editExtensions(fields, request.extensions);
  request.fields?.(fields);
  const bytes = encode(tbs);
  return certificateDer(bytes, issuer.parts.algorithm, await issuer.signer.sign(bytes));
}

/** {@link mint} for a fresh key, with the chain above it, leaf first. */
export async function minted(issuer: Issuer, request: Omit<MintRequest, 'key'>) {
  const key = newKey();
  const leaf = await mint(issuer, { key: localSigner(key).publicKey, ...request });
  return { key, chain: [leaf, ...issuer.chain] };
}

function editExtensions(fields: Asn1[], edit: (list: Asn1[]) => Asn1[]): void {
  const wrapper = fields[7]?.value;
  const list = Array.isArray(wrapper) ? wrapper[0] : undefined;
  fields[7] = contextOf(3, { ...list, value: edit(sequenceOf(list, 'extensions')) } as Asn1);
}

const isExtension = (node: Asn1, id: ExtensionId): boolean => readExtension(node).id === EXTENSIONS[id].oid;

/** The list with one extension rewritten. */
export const replaced = <K extends ExtensionId>(
  list: Asn1[],
  id: K,
  value: ExtensionValues[K],
  critical: boolean,
): Asn1[] => list.map((node) => (isExtension(node, id) ? extensionNode(EXTENSIONS[id], value, critical) : node));

/** The list without one extension. */
export const without = (list: Asn1[], id: ExtensionId): Asn1[] => list.filter((node) => !isExtension(node, id));
