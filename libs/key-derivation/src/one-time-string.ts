/**
 * The one string that an operator hands over to an entity (protocol.md, "Admission"):
 *
 * ```
 *   "cpns1." base64url( LP(token-id) T SHA-256(root DER) LP(E) LP(user) form-byte LP(peer SAN) LP(host:port) )
 *                                   32        32                           1
 * ```
 */
import {
  invalidArgument,
  Reader,
  SECRET_BYTES,
  TokenSecret,
  checkEndpoint,
  checkTokenId,
  checkUserId,
  ENDPOINT_MAX_LENGTH,
  ID_MAX_LENGTH,
  parseEntityUri,
  parseIdentityUri,
  URI_MAX_LENGTH,
  USER_ID_MAX_LENGTH,
} from '@cpns/core';
import { checkSize, DIGEST_BYTES, Message } from './formulas';
import { KEY_FORM_BYTES, keyFormOf, type KeyForm } from './entity-user-key';

export const ONE_TIME_STRING_PREFIX = 'cpns1.';

const LP_PREFIX = 2;
const FIXED_BYTES = SECRET_BYTES + DIGEST_BYTES + 1;
const MAX_BYTES =
  FIXED_BYTES + 5 * LP_PREFIX + ID_MAX_LENGTH + 2 * URI_MAX_LENGTH + USER_ID_MAX_LENGTH + ENDPOINT_MAX_LENGTH;
/** In characters: what the longest names give. Anything longer is refused before it is decoded. */
export const ONE_TIME_STRING_MAX_LENGTH = ONE_TIME_STRING_PREFIX.length + Math.ceil((MAX_BYTES * 4) / 3);

export interface OneTimeString {
  readonly tokenId: string;
  /** T */
  readonly secret: TokenSecret;
  /** SHA-256 of the root certificate's DER, 32 bytes. */
  readonly rootDigest: Uint8Array;
  /** E */
  readonly entity: string;
  readonly user: string;
  readonly form: KeyForm;
  /** URI of the peer that the entity has to find: a service, or a PN GW. */
  readonly peer: string;
  /** `host:port` to dial. */
  readonly endpoint: string;
}

function checkPeer(peer: string): string {
  const name = parseIdentityUri(peer, 'peer');
  if (name.kind === 'operator' || (name.kind === 'entity' && name.entityType !== 'pn-gw'))
    throw invalidArgument('NAME_INVALID', 'peer is neither a service nor a PN GW', { metadata: { field: 'peer' } });
  return peer;
}

/**
 * The string itself. It contains T: for the operator's eyes and the entity's, never for a log.
 * @throws CpnsError a name's reason, or FIELD_SIZE for a digest that is not 32 bytes
 */
export function formatOneTimeString(content: OneTimeString): string {
  checkSize(content.rootDigest, DIGEST_BYTES, 'root digest');
  const bytes = new Message('')
    .text(checkTokenId(content.tokenId))
    .raw(content.secret.expose())
    .raw(content.rootDigest)
    .text(parseEntityUri(content.entity).uri)
    .text(checkUserId(content.user))
    .byte(KEY_FORM_BYTES[content.form])
    .text(checkPeer(content.peer))
    .text(checkEndpoint(content.endpoint))
    .bytes();
  return ONE_TIME_STRING_PREFIX + bytes.toString('base64url');
}

const malformed = (why: string) => invalidArgument('MALFORMED_MESSAGE', `the one-time string ${why}`);

function decode(text: string): Buffer {
  if (text === '') throw invalidArgument('FIELD_MISSING', 'the one-time string is empty');
  if (text.length > ONE_TIME_STRING_MAX_LENGTH)
    throw invalidArgument('FIELD_TOO_LONG', `the one-time string is over ${ONE_TIME_STRING_MAX_LENGTH} characters`);
  if (!text.startsWith(ONE_TIME_STRING_PREFIX)) throw malformed(`does not begin with ${ONE_TIME_STRING_PREFIX}`);
  const encoded = text.slice(ONE_TIME_STRING_PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64url');
  // Node skips what is not of the alphabet, and ignores padding and spare bits: only what encodes back is taken
  if (bytes.toString('base64url') !== encoded) throw malformed('is not base64url, or was cut');
  return bytes;
}

/**
 * Reads a one-time string; nothing is taken that was not written in exactly one way, and no error holds a part of it.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, MALFORMED_MESSAGE, or a name's reason
 */
export function parseOneTimeString(text: string): OneTimeString {
  const reader = new Reader(decode(text), 'the one-time string');
  const tokenId = checkTokenId(reader.lpText());
  const secret = new TokenSecret(reader.take(SECRET_BYTES));
  const rootDigest = reader.take(DIGEST_BYTES);
  const entity = parseEntityUri(reader.lpText()).uri;
  const user = checkUserId(reader.lpText());
  const form = keyFormOf(reader.byte());
  if (form === undefined) throw malformed('names neither form of key');
  const peer = checkPeer(reader.lpText());
  const endpoint = checkEndpoint(reader.lpText());
  reader.end();
  return { tokenId, secret, rootDigest, entity, user, form, peer, endpoint };
}
