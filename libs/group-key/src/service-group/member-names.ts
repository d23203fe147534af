import { invalidArgument, permissionDenied, parseEntityUri, type EntityName } from '@cpns/core';

/** As many names as one call carries. */
export const MEMBERS_PER_CALL = 1_000;

/** E of an entity of this trust domain. @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID, TRUST_DOMAIN */
export function checkMember(text: string, trustDomain: string, field: string): EntityName {
  const name = parseEntityUri(text, field);
  if (name.trustDomain !== trustDomain)
    throw permissionDenied('TRUST_DOMAIN', `${field}: only entities of ${trustDomain} are members`, {
      metadata: { field },
    });
  return name;
}

/**
 * The names that a call carries, sorted: their order has no meaning.
 * @throws CpnsError FIELD_TOO_LONG (more than 1,000); FIELD_OUT_OF_RANGE (one twice); as {@link checkMember}
 */
export function checkMembers(names: readonly string[], trustDomain: string, field = 'members'): readonly EntityName[] {
  if (names.length > MEMBERS_PER_CALL)
    throw invalidArgument('FIELD_TOO_LONG', `${field} has ${names.length} names, ${MEMBERS_PER_CALL} are allowed`, {
      metadata: { field, limit: String(MEMBERS_PER_CALL) },
    });
  const checked = names.map((name) => checkMember(name, trustDomain, field));
  if (new Set(names).size < names.length)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} names an entity twice`, { metadata: { field } });
  return checked.sort((a, b) => (a.uri < b.uri ? -1 : 1));
}

/** The same where there has to be at least one. @throws CpnsError FIELD_MISSING; as {@link checkMembers} */
export function checkSomeMembers(
  names: readonly string[],
  trustDomain: string,
  field = 'members',
): readonly EntityName[] {
  if (names.length === 0) throw invalidArgument('FIELD_MISSING', `${field} is empty`, { metadata: { field } });
  return checkMembers(names, trustDomain, field);
}
