import { isDeepStrictEqual } from 'node:util';
import { CpnsError, parseSubject, type Name, type Subject } from '@cpns/core';
import type { TbsCertificate } from '../certificate/parse-certificate';
import type { ExtensionId, Extensions } from '../extensions';
import type { GeneralName } from '../extensions/general-name';
import { personalNetworkOnly } from '../extensions/name-constraints';
import type { Profile, SubjectKind } from './profile';

/** How a certificate departs from a profile; `about` says which reason fits. */
export interface Mismatch {
  /** `usage`: what the key may do; `name`: who it is; `form`: everything else. */
  readonly about: 'usage' | 'name' | 'form';
  readonly detail: string;
}

/** A certificate that fits its profile, with what its URI says. */
export interface Match {
  readonly profile: Profile;
  /** Absent for the authorities that carry no URI. */
  readonly subject?: Subject;
}

const mismatch = (about: Mismatch['about'], detail: string): Mismatch => ({ about, detail });

export const isMismatch = (result: Match | Mismatch): result is Mismatch => 'about' in result;

/**
 * Compares a certificate with a profile in full: the set of its extensions, what is critical, and every value. What
 * stands in relation to the issuer (its name, key identifier, validity, signature) is not looked at here.
 */
export function matchProfile(certificate: TbsCertificate, profile: Profile): Match | Mismatch {
  const usage = checkUsage(certificate, profile);
  if (usage !== undefined) return usage;
  const subject = profile.uri === undefined ? undefined : readSubject(certificate);
  if (subject === null) return mismatch('name', 'the SAN does not hold exactly one CPNS URI');
  if (subject !== undefined && !names(subject, profile.uri))
    return mismatch('name', `the URI does not name what a ${profile.title} certificate names`);
  return checkNames(certificate, profile) ?? checkForm(certificate, profile, subject) ?? match(profile, subject);
}

const match = (profile: Profile, subject: Subject | undefined): Match =>
  subject === undefined ? { profile } : { profile, subject };

function checkUsage({ extensions }: TbsCertificate, profile: Profile): Mismatch | undefined {
  const constraints = extensions.basicConstraints?.value;
  const { authority } = profile;
  if (constraints?.ca !== (authority !== undefined) || constraints.pathLength !== authority?.pathLength)
    return mismatch('usage', 'basic constraints');
  if (!sameList(extensions.keyUsage?.value, profile.keyUsage)) return mismatch('usage', 'key usage');
  if (!sameList(extensions.extendedKeyUsage?.value ?? [], profile.extendedKeyUsage))
    return mismatch('usage', 'extended key usage');
  return undefined;
}

const sameList = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  a?.length === b.length && a.every((item, i) => item === b[i]);

/** The one URI of a certificate and its meaning, or null when there is not exactly one that is a CPNS name. */
export function readSubject({ extensions }: Pick<TbsCertificate, 'extensions'>): Subject | null {
  const uris = (extensions.subjectAlternativeName?.value ?? []).filter(({ kind }) => kind === 'uri');
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) return null;
  try {
    return parseSubject(uri.value);
  } catch (error) {
    // the names of the protocol are a closed set: text outside it is an answer here and no failure
    if (error instanceof CpnsError) return null;
    throw error;
  }
}

/** What a name is to the profiles. */
export const subjectKindOf = (name: Name): Exclude<SubjectKind, 'entity'> | 'pne' =>
  name.kind === 'entity' ? name.entityType : name.kind;

function names({ name, user }: Subject, kind: SubjectKind | undefined): boolean {
  if (kind === 'entity') return name.kind === 'entity';
  // only a target entity has a user: a gateway acts for many, a service for none
  return subjectKindOf(name) === kind && user === '';
}

function checkNames({ extensions }: TbsCertificate, profile: Profile): Mismatch | undefined {
  const list: readonly GeneralName[] = extensions.subjectAlternativeName?.value ?? [];
  const allowed = profile.hosts ? ['uri', 'dns', 'ip'] : ['uri'];
  if (!list.every(({ kind }) => allowed.includes(kind))) return mismatch('name', 'names besides those of the profile');
  return undefined;
}

type Marking = 'critical' | 'plain' | 'either' | 'absent';

function markings(profile: Profile, subjectIsEmpty: boolean): Readonly<Record<ExtensionId, Marking>> {
  const selfIssued = profile.issuedBy.includes(profile.id);
  return {
    basicConstraints: 'critical',
    keyUsage: 'critical',
    extendedKeyUsage: profile.extendedKeyUsage.length > 0 ? 'plain' : 'absent',
    // RFC 5280, 4.2.1.6: critical where there is no other name; CN is ignored, so one may be there
    subjectAlternativeName: profile.uri === undefined ? 'absent' : subjectIsEmpty ? 'critical' : 'either',
    nameConstraints: profile.constrained ? 'critical' : 'absent',
    subjectKeyIdentifier: 'plain',
    authorityKeyIdentifier: selfIssued ? 'absent' : 'plain',
  };
}

function checkForm(certificate: TbsCertificate, profile: Profile, subject: Subject | undefined): Mismatch | undefined {
  const { extensions, subjectIsEmpty } = certificate;
  for (const [id, marking] of Object.entries(markings(profile, subjectIsEmpty))) {
    const found = extensions[id as ExtensionId];
    const is: Marking = found === undefined ? 'absent' : found.critical ? 'critical' : 'plain';
    if (is !== marking && (marking !== 'either' || is === 'absent'))
      return mismatch('form', `${id}: ${is}, not ${marking}`);
  }
  if (profile.authority !== undefined && subjectIsEmpty) return mismatch('form', 'an authority without a name');
  return profile.constrained ? checkConstraints(extensions, subject) : undefined;
}

function checkConstraints(extensions: Extensions, subject: Subject | undefined): Mismatch | undefined {
  const name = subject?.name;
  const expected = name?.kind === 'entity' ? personalNetworkOnly(name.pn) : undefined;
  return isDeepStrictEqual(extensions.nameConstraints?.value, expected)
    ? undefined
    : mismatch('form', 'name constraints are not those of the Personal Network');
}
