import { invalidArgument } from '../errors';
import {
  ENTITY_ID_PATTERN,
  FIRST_SEED_ID_PATTERN,
  GROUP_ID_PATTERN,
  ID_MAX_LENGTH,
  NAME_MAX_LENGTH,
  NAME_PATTERN,
  PN_ID_MAX_LENGTH,
  PN_ID_PATTERN,
  TOKEN_ID_PATTERN,
  TRUST_DOMAIN_MAX_LENGTH,
  TRUST_DOMAIN_PATTERN,
  USER_ID_MAX_LENGTH,
  USER_ID_PATTERN,
} from './patterns';

/** Returns the value that it was given, so that a check can stand where the value is used. */
export type Check = (value: string, field?: string) => string;

interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  /** In characters. */
  readonly maxLength: number;
  readonly form: string;
}

/** @throws CpnsError FIELD_MISSING when the value is empty, FIELD_TOO_LONG when it is over `max` characters. */
export function checkLength(value: string, field: string, max: number): void {
  if (value.length === 0) throw invalidArgument('FIELD_MISSING', `${field} is empty`, { metadata: { field } });
  if (value.length > max)
    throw invalidArgument('FIELD_TOO_LONG', `${field} has ${value.length} characters, ${max} are allowed`, {
      metadata: { field, limit: String(max) },
    });
}

// The value itself stays out of message and metadata: it is the caller's, and may be made to break a log line.
const check =
  (rule: Rule): Check =>
  (value, field = rule.what) => {
    checkLength(value, field, rule.maxLength);
    if (!rule.pattern.test(value))
      throw invalidArgument('NAME_INVALID', `${field} is not a ${rule.what}: ${rule.form}`, { metadata: { field } });
    return value;
  };

const ID_FORM = 'letters, digits, dot, underscore and hyphen, not starting with a dot';
const LABEL_FORM = 'lower-case letters, digits and hyphen';
const id = (what: string, pattern: RegExp): Check => check({ what, pattern, maxLength: ID_MAX_LENGTH, form: ID_FORM });

// Each throws CpnsError FIELD_MISSING (empty), FIELD_TOO_LONG, or NAME_INVALID, with the field's name as metadata.
export const checkPnId = check({
  what: 'pn-id',
  pattern: PN_ID_PATTERN,
  maxLength: PN_ID_MAX_LENGTH,
  form: LABEL_FORM,
});
export const checkName = check({ what: 'name', pattern: NAME_PATTERN, maxLength: NAME_MAX_LENGTH, form: LABEL_FORM });
export const checkTrustDomain = check({
  what: 'trust domain',
  pattern: TRUST_DOMAIN_PATTERN,
  maxLength: TRUST_DOMAIN_MAX_LENGTH,
  form: 'lower-case DNS labels of at most 63 characters, joined by dots',
});
export const checkEntityId = id('entity-id', ENTITY_ID_PATTERN);
export const checkGroupId = id('group-id', GROUP_ID_PATTERN);
export const checkTokenId = id('token-id', TOKEN_ID_PATTERN);
export const checkFirstSeedId = id('first-seed-id', FIRST_SEED_ID_PATTERN);
/** A user-id that has to be there. */
export const checkPresentUserId = check({
  what: 'user-id',
  pattern: USER_ID_PATTERN,
  maxLength: USER_ID_MAX_LENGTH,
  form: 'letters, digits, dot, underscore and hyphen',
});
/** A user-id, or the empty string of an entity without one. */
export const checkUserId: Check = (value, field) => (value === '' ? value : checkPresentUserId(value, field));
