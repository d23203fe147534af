/**
 * The patterns of protocol.md, "Names". They are applied to whole strings: JavaScript's `$` without the `m` flag
 * matches at the very end only, so a trailing newline does not slip through as it does in other dialects.
 */
export const PN_ID_PATTERN = /^[a-z0-9-]{1,63}$/;
/** A service's or an operator's name. */
export const NAME_PATTERN = /^[a-z0-9-]{1,63}$/;
/** Lower-case DNS labels joined by single dots; the length is checked apart, see {@link TRUST_DOMAIN_MAX_LENGTH}. */
export const TRUST_DOMAIN_PATTERN = /^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/;
/** Entity-id, group-id, token-id and first-seed-id. */
export const ID_PATTERN = /^(?!\.)[A-Za-z0-9._-]{1,64}$/;
export const ENTITY_ID_PATTERN = ID_PATTERN;
export const GROUP_ID_PATTERN = ID_PATTERN;
export const TOKEN_ID_PATTERN = ID_PATTERN;
export const FIRST_SEED_ID_PATTERN = ID_PATTERN;
/** A user-id that is there; an entity without a user has the empty string instead. */
export const USER_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** Limits in characters, which are bytes: every pattern is ASCII. */
export const PN_ID_MAX_LENGTH = 63;
export const NAME_MAX_LENGTH = 63;
export const ID_MAX_LENGTH = 64;
export const USER_ID_MAX_LENGTH = 64;
export const TRUST_DOMAIN_MAX_LENGTH = 190;

/** The longest URI without a user is an entity's: scheme, pn-id, dot, trust domain, type, entity-id. */
export const URI_MAX_LENGTH =
  'cpns://'.length + PN_ID_MAX_LENGTH + 1 + TRUST_DOMAIN_MAX_LENGTH + '/pn-gw/'.length + ID_MAX_LENGTH;
/** The longest URI of a certificate: an entity's, with its user. */
export const SUBJECT_MAX_LENGTH = URI_MAX_LENGTH + '?user='.length + USER_ID_MAX_LENGTH;
