import { bits, contextOf, encode, encodedSequence, integer, sequence, smallInteger, type Asn1 } from '../der/asn1';
import { commonName, emptyName } from '../der/distinguished-name';
import { encodeTime } from '../der/time';
import { EXTENSIONS, remember } from '../extensions';
import { extensionNode } from '../extensions/extension';
import type { GeneralName } from '../extensions/general-name';
import { personalNetworkOnly } from '../extensions/name-constraints';
import { keyIdentifierOf } from '../extensions/subject-key-identifier';
import type { PublicKey } from '../keys/public-key';
import type { Profile, ProfileId } from '../profiles/profile';
import { PROFILES } from '../profiles/profiles';
import { parseSubject } from '@cpns/core';

export interface TbsFields {
  readonly profile: Profile;
  readonly key: PublicKey;
  readonly serial: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly uri: string | undefined;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** What an authority puts into all of its certificates. A root has no {@link authorityKeyIdentifier}. */
export interface FromIssuer {
  readonly issuerName: Asn1;
  readonly algorithm: Asn1;
  readonly authorityKeyIdentifier?: Asn1;
}

const VERSION_3 = contextOf(0, smallInteger(2));
const EMPTY_NAME = emptyName();

/** The extensions that follow from the profile alone, built once. */
const CONSTANT: ReadonlyMap<ProfileId, readonly Asn1[]> = new Map(
  Object.values<Profile>(PROFILES).map((profile) => [profile.id, constantExtensions(profile)]),
);

function constantExtensions({ authority, keyUsage, extendedKeyUsage }: Profile): Asn1[] {
  const constraints = authority === undefined ? { ca: false } : { ca: true, ...authority };
  return [
    extensionNode(EXTENSIONS.basicConstraints, constraints, true),
    extensionNode(EXTENSIONS.keyUsage, keyUsage, true),
    ...(extendedKeyUsage.length > 0 ? [extensionNode(EXTENSIONS.extendedKeyUsage, extendedKeyUsage, false)] : []),
  ].map(remember);
}

/** TBSCertificate of RFC 5280, 4.1. */
export function tbsNode(issuer: FromIssuer, fields: TbsFields): Asn1 {
  const keyId = keyIdentifierOf(fields.key.bits);
  return sequence(
    VERSION_3,
    integer(fields.serial),
    issuer.algorithm,
    issuer.issuerName,
    sequence(encodeTime(fields.notBefore), encodeTime(fields.notAfter)),
    fields.profile.authority === undefined ? EMPTY_NAME : authorityName(fields.profile, keyId),
    fields.key.node,
    contextOf(
      3,
      sequence(
        ...(CONSTANT.get(fields.profile.id) ?? []),
        ...nameExtensions(fields),
        extensionNode(EXTENSIONS.subjectKeyIdentifier, keyId, false),
        ...(issuer.authorityKeyIdentifier === undefined ? [] : [issuer.authorityKeyIdentifier]),
      ),
    ),
  );
}

/** An authority's name tells it apart from every other by its key, so that a new key is a new name. */
export const authorityName = ({ title }: Profile, keyId: Buffer): Asn1 =>
  commonName(`CPNS ${title} ${keyId.toString('hex')}`);

function nameExtensions({ profile, uri, dnsNames, ipAddresses }: TbsFields): Asn1[] {
  if (uri === undefined) return [];
  const names: GeneralName[] = [
    { kind: 'uri', value: uri },
    ...dnsNames.map((value) => ({ kind: 'dns', value }) as const),
    ...ipAddresses.map((value) => ({ kind: 'ip', value }) as const),
  ];
  const san = extensionNode(EXTENSIONS.subjectAlternativeName, names, profile.authority === undefined);
  if (!profile.constrained) return [san];
  const { name } = parseSubject(uri);
  const pn = name.kind === 'entity' ? name.pn : name.trustDomain;
  return [san, extensionNode(EXTENSIONS.nameConstraints, personalNetworkOnly(pn), true)];
}

/** Certificate of RFC 5280, 4.1. */
export const certificateDer = (tbs: Buffer, algorithm: Asn1, signature: Uint8Array): Buffer =>
  encodedSequence(tbs, encode(algorithm), encode(bits(signature)));
