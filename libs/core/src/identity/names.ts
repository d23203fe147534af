/**
 * CPNS names as strings, matched and never URL-parsed: a URL parser takes `cpns://pn1.td:x@pn2.td/…` for a name of
 * another host than the one an X.509 name constraint (RFC 5280, 4.2.1.10) is checked against.
 *
 * How a name is read without doubt: the path's first segment decides. Before `/pne/` or `/pn-gw/` stand a pn-id, which
 * is the first label, and a trust domain, which is all the others; before `/service/` or `/operator/` stands a trust
 * domain alone. The four words are disjoint, so no string is two names. `cpns://pn1.td/service/x` is a service of a
 * trust domain `pn1.td` and not one of `td`: a check of the trust domain refuses it.
 */
import { invalidArgument } from '../errors';
import { checkEntityId, checkLength, checkName, checkPnId, checkPresentUserId, checkTrustDomain } from './checks';
import { SUBJECT_MAX_LENGTH, URI_MAX_LENGTH } from './patterns';

/** What a caller may be to the access rules. It follows from its certificate's chain as much as from its name. */
export const ROLES = ['target-entity', 'pn-gw', 'service', 'operator'] as const;
export type Role = (typeof ROLES)[number];

export const ENTITY_TYPES = ['pne', 'pn-gw'] as const;
export type EntityType = (typeof ENTITY_TYPES)[number];

export interface EntityParts {
  readonly pnId: string;
  readonly trustDomain: string;
  readonly entityType: EntityType;
  readonly entityId: string;
}

/** A PNE or PN GW: `cpns://<pn-id>.<trust-domain>/<pne or pn-gw>/<entity-id>`, written E in the protocol. */
export interface EntityName extends EntityParts {
  readonly kind: 'entity';
  /** E itself, without a user: what every formula takes. */
  readonly uri: string;
  /** `<pn-id>.<trust-domain>`: the Personal Network, as a name constraint has it. */
  readonly pn: string;
}

/** `cpns://<trust-domain>/service/<name>` */
export interface ServiceName {
  readonly kind: 'service';
  readonly uri: string;
  readonly trustDomain: string;
  readonly name: string;
}

/** `cpns://<trust-domain>/operator/<name>` */
export interface OperatorName {
  readonly kind: 'operator';
  readonly uri: string;
  readonly trustDomain: string;
  readonly name: string;
}

export type Name = EntityName | ServiceName | OperatorName;

/** What a certificate's one URI says: a name, and the user of an entity or the empty string. */
export interface Subject {
  readonly name: Name;
  readonly user: string;
}

// Only finds the pieces; each piece then has to pass its own pattern, which none of / ? # @ : % does.
const SHAPE = /^cpns:\/\/([^/]*)\/([a-z-]*)\/([^/]*)$/;

const notAName = (field: string, expected: string) =>
  invalidArgument('NAME_INVALID', `${field} is not ${expected}`, { metadata: { field } });

const ENTITY_FORM = 'an entity URI, cpns://<pn-id>.<trust-domain>/<pne or pn-gw>/<entity-id>';
const IDENTITY_FORM = 'the URI of an entity, a service or an operator';

interface Pieces {
  readonly uri: string;
  readonly authority: string;
  readonly word: string;
  readonly last: string;
}

function pieces(uri: string, field: string, expected: string): Pieces {
  checkLength(uri, field, URI_MAX_LENGTH);
  const [, authority, word, last] = SHAPE.exec(uri) ?? [];
  if (authority === undefined || word === undefined || last === undefined) throw notAName(field, expected);
  return { uri, authority, word, last };
}

const isEntityType = (word: string): word is EntityType => (ENTITY_TYPES as readonly string[]).includes(word);

function asEntity({ uri, authority, word, last }: Pieces, field: string): EntityName {
  const dot = authority.indexOf('.');
  if (dot < 0 || !isEntityType(word)) throw notAName(field, ENTITY_FORM);
  const pnId = checkPnId(authority.slice(0, dot), `${field}: pn-id`);
  const trustDomain = checkTrustDomain(authority.slice(dot + 1), `${field}: trust domain`);
  const entityId = checkEntityId(last, `${field}: entity-id`);
  return { kind: 'entity', uri, pnId, trustDomain, entityType: word, entityId, pn: authority };
}

function asNamed<K extends 'service' | 'operator'>(kind: K, { uri, authority, word, last }: Pieces, field: string) {
  if (word !== kind) throw notAName(field, `a URI of the form cpns://<trust-domain>/${kind}/<name>`);
  const trustDomain = checkTrustDomain(authority, `${field}: trust domain`);
  return { kind, uri, trustDomain, name: checkName(last, `${field}: name`) };
}

/**
 * E, without a user.
 * @param field what the text is called in the error
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID
 */
export function parseEntityUri(text: string, field = 'entity'): EntityName {
  return asEntity(pieces(text, field, ENTITY_FORM), field);
}

/** @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID */
export function parseServiceUri(text: string, field = 'service'): ServiceName {
  return asNamed('service', pieces(text, field, IDENTITY_FORM), field);
}

/** @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID */
export function parseOperatorUri(text: string, field = 'operator'): OperatorName {
  return asNamed('operator', pieces(text, field, IDENTITY_FORM), field);
}

/**
 * Any name, without a user: what a proof's audience and a peer's expected URI are.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID
 */
export function parseIdentityUri(text: string, field = 'identity'): Name {
  const found = pieces(text, field, IDENTITY_FORM);
  if (found.word === 'service' || found.word === 'operator') return asNamed(found.word, found, field);
  return asEntity(found, field);
}

const USER_MARK = '?user=';

/**
 * The one URI of a certificate: any name, and for an entity optionally `?user=<user-id>`. A user that is not there has
 * one spelling only: `?user=` without a value is refused.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID
 */
export function parseSubject(sanUri: string, field = 'subject'): Subject {
  checkLength(sanUri, field, SUBJECT_MAX_LENGTH);
  const mark = sanUri.indexOf(USER_MARK);
  if (mark < 0) return { name: parseIdentityUri(sanUri, field), user: '' };
  const user = checkPresentUserId(sanUri.slice(mark + USER_MARK.length), `${field}: user-id`);
  return { name: parseEntityUri(sanUri.slice(0, mark), field), user };
}

/** An entity's name from its parts. @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID */
function entityName(parts: EntityParts): EntityName {
  // a dot in the pn-id would move a label into the trust domain
  checkPnId(parts.pnId, 'pn-id');
  return parseEntityUri(`cpns://${parts.pnId}.${parts.trustDomain}/${parts.entityType}/${parts.entityId}`);
}

/** E from its parts. @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID */
export function formatEntityUri(parts: EntityParts): string {
  return entityName(parts).uri;
}

/**
 * E as it stands in a certificate: with its user, where there is one.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID
 */
export function formatSubject(entity: string, user: string): string {
  const text = user === '' ? entity : `${entity}${USER_MARK}${user}`;
  parseEntityUri(entity);
  parseSubject(text);
  return text;
}

/** @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID */
export function serviceUri(trustDomain: string, name: string): string {
  return parseServiceUri(`cpns://${trustDomain}/service/${name}`).uri;
}

/** @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID */
export function operatorUri(trustDomain: string, name: string): string {
  return parseOperatorUri(`cpns://${trustDomain}/operator/${name}`).uri;
}

/** True when both are of one Personal Network: of one pn-id in one trust domain. */
export function samePn(a: EntityName, b: EntityName): boolean {
  return a.pn === b.pn;
}
