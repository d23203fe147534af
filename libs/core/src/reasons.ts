/**
 * The closed list of what can go wrong, as callers see it: a gRPC code and a stable reason (google.rpc.ErrorInfo).
 * Sorted by whose fault it is. A reason is never renamed; docs/errors.md is checked against this list.
 */
export const CODES = [
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'CANCELLED',
] as const;
export type Code = (typeof CODES)[number];

const reason = <C extends Code>(code: C, meaning: string, retry = false) => ({ code, meaning, retry });
/** Of a race, a dependency or ourselves: the same call may succeed later. */
const retry = <C extends Code>(code: C, meaning: string) => reason(code, meaning, true);

export const REASONS = {
  // the caller's message: wrong in itself
  MALFORMED_MESSAGE: reason('INVALID_ARGUMENT', 'bytes do not decode as what they should be'),
  FIELD_MISSING: reason('INVALID_ARGUMENT', 'a required field is absent or empty'),
  FIELD_TOO_LONG: reason('INVALID_ARGUMENT', 'a field is over its limit'),
  FIELD_SIZE: reason('INVALID_ARGUMENT', 'a binary field does not have its one size'),
  FIELD_OUT_OF_RANGE: reason(
    'INVALID_ARGUMENT',
    'a number or an enumeration is outside its values; an imported secret is known to everyone',
  ),
  NAME_INVALID: reason('INVALID_ARGUMENT', 'a name is outside its pattern'),
  CSR_NOT_DER: reason('INVALID_ARGUMENT', 'the certificate signing request is not a DER PKCS #10 structure'),
  CSR_TRAILING_BYTES: reason('INVALID_ARGUMENT', 'bytes follow the certificate signing request'),
  CSR_SIGNATURE: reason('INVALID_ARGUMENT', 'the request does not prove possession of its key'),
  CSR_WEAK_KEY: reason('INVALID_ARGUMENT', 'the key is none of P-256, RSA-2048, RSA-3072, Ed25519'),
  CSR_NAME_MISMATCH: reason('INVALID_ARGUMENT', 'the request asks for a name other than the admitted one'),
  CERTIFICATE_MALFORMED: reason('INVALID_ARGUMENT', 'a certificate is not DER or not of any profile'),
  CERTIFICATE_NAME: reason('INVALID_ARGUMENT', 'a certificate does not hold exactly one CPNS URI'),
  CREDENTIAL_AMBIGUOUS: reason('INVALID_ARGUMENT', 'the call shows a certificate and a proof'),
  PAGE_TOKEN_INVALID: reason('INVALID_ARGUMENT', 'the page token was not given out by this call'),
  CONFIGURATION_INVALID: reason('INVALID_ARGUMENT', 'a setting is missing or wrong'),

  // who the caller is: not shown
  PEER_CERTIFICATE_REQUIRED: reason('UNAUTHENTICATED', 'the port asks for a client certificate and got none'),
  PEER_IDENTITY_INVALID: reason('UNAUTHENTICATED', 'the client certificate carries no CPNS identity'),
  PEER_UNEXPECTED: reason('UNAUTHENTICATED', 'the peer that answered is not the one that was meant'),
  CERTIFICATE_CHAIN: reason('UNAUTHENTICATED', 'the chain does not lead to the root under the profiles'),
  CERTIFICATE_EXPIRED: reason('UNAUTHENTICATED', 'a certificate of the chain is outside its validity'),
  CERTIFICATE_REVOKED: reason('UNAUTHENTICATED', 'the certificate or its issuer was revoked'),
  TOKEN_UNKNOWN: reason('UNAUTHENTICATED', 'no such token for this entity at this verifier'),
  TOKEN_MAC: reason('UNAUTHENTICATED', 'the request was not made with the secret of the token, or was altered'),
  REPLY_MAC: reason('UNAUTHENTICATED', 'the reply was not made by the holder of the token, or was altered'),
  PROOF_MISSING: reason('UNAUTHENTICATED', 'the call needs a proof of the Entity-User Key'),
  PROOF_MAC: reason(
    'UNAUTHENTICATED',
    'the proof was not made with the key, or for another audience, method or message',
  ),
  PROOF_OUTSIDE_WINDOW: reason('UNAUTHENTICATED', 'the time in the proof is too far from the verifier’s'),
  PROOF_REPLAYED: reason('UNAUTHENTICATED', 'the nonce of the proof was used before'),
  KEY_UNKNOWN: reason('UNAUTHENTICATED', 'no live key of that id for this entity'),
  CONFIRMATION_MAC: reason('UNAUTHENTICATED', 'the confirmation was not made with the derived key'),
  SIGNATURE_INVALID: reason('UNAUTHENTICATED', 'a signature does not verify under the key it names'),
  COMMITMENT_MISMATCH: reason('UNAUTHENTICATED', 'the Group Key is not the one that the statement commits to'),
  ENVELOPE_INVALID: reason('UNAUTHENTICATED', 'the envelope does not open for this member, group and version'),
  CONTENT_INVALID: reason('UNAUTHENTICATED', 'the content was altered, or was not sealed with this Group Key'),

  // what the caller may do
  ROLE_NOT_PERMITTED: reason('PERMISSION_DENIED', 'the caller’s role may not call this'),
  TRUST_DOMAIN: reason('PERMISSION_DENIED', 'the name belongs to another trust domain'),
  PN_MISMATCH: reason('PERMISSION_DENIED', 'the entity belongs to another Personal Network than the gateway'),
  GATEWAY_MISMATCH: reason('PERMISSION_DENIED', 'the gateway named is not the one that was called'),
  AUDIENCE_MISMATCH: reason('PERMISSION_DENIED', 'the proof was made for another audience'),
  TOKEN_OTHER_ENTITY: reason('PERMISSION_DENIED', 'the token admits another entity or user'),
  TOKEN_OTHER_ASSIGNER: reason('PERMISSION_DENIED', 'the token is for the other assigner'),
  TOKEN_OTHER_FORM: reason('PERMISSION_DENIED', 'the token is for the other form of key'),
  TOKEN_OTHER_METHOD: reason('PERMISSION_DENIED', 'the request was made for another method'),
  ISSUER_NOT_ASSIGNER: reason(
    'PERMISSION_DENIED',
    'the certificate’s issuer is not the assigner that the admission names',
  ),
  CERTIFICATE_ROLE: reason('PERMISSION_DENIED', 'the certificate is used above its role'),
  NOT_A_MEMBER: reason('PERMISSION_DENIED', 'the entity is no member of the Service Group'),
  JOIN_NOT_PERMITTED: reason('PERMISSION_DENIED', 'only an operator adds members to this Service Group'),
  VERSION_NOT_GIVEN: reason('PERMISSION_DENIED', 'the Group Key version was not given to this member'),

  // the state of the system
  NOT_FOUND: reason('NOT_FOUND', 'nothing of that name'),
  ALREADY_EXISTS: reason('ALREADY_EXISTS', 'the name, or the imported secret, is taken'),
  TOKEN_SPENT: reason('FAILED_PRECONDITION', 'the token was used'),
  TOKEN_EXPIRED: reason('FAILED_PRECONDITION', 'the token has expired'),
  TOKEN_REVOKED: reason('FAILED_PRECONDITION', 'the admission was revoked'),
  KEY_REVOKED: reason('FAILED_PRECONDITION', 'the key was revoked'),
  KEY_SUSPENDED: reason('FAILED_PRECONDITION', 'the key is suspended'),
  KEY_EXPIRED: reason('FAILED_PRECONDITION', 'the key has expired'),
  REQUEST_OVERTAKEN: reason('FAILED_PRECONDITION', 'a later request of the entity was accepted before'),
  LIVE_KEY: reason('FAILED_PRECONDITION', 'the entity has a live key that this token may not replace'),
  FIRST_SEED_UNKNOWN: reason('FAILED_PRECONDITION', 'no such 1st seed of this gateway'),
  FIRST_SEED_SPENT: reason('FAILED_PRECONDITION', 'the 1st seed has served as many entities as it may'),
  FIRST_SEED_EXPIRED: reason('FAILED_PRECONDITION', 'the 1st seed is past its time'),
  FIRST_SEED_REVOKED: reason('FAILED_PRECONDITION', 'the 1st seed was revoked'),
  GATEWAY_NOT_PROVISIONED: reason('FAILED_PRECONDITION', 'the gateway has not been provisioned for this form of key'),
  GROUP_DELETED: reason('FAILED_PRECONDITION', 'the Service Group was deleted; its id is never used again'),
  MEMBER_UNKNOWN: reason('FAILED_PRECONDITION', 'an entity to be removed never was a member of the Service Group'),
  MEMBER_WITHOUT_KEY: reason('FAILED_PRECONDITION', 'a member needs a live registered Entity-User Key'),
  VERSION_RETIRED: reason('FAILED_PRECONDITION', 'the Group Key version is no longer in use'),
  VERSION_NOT_ACTIVE: reason('FAILED_PRECONDITION', 'the Group Key version is not yet in use'),
  STATEMENT_LOWER: reason('FAILED_PRECONDITION', 'a newer statement about the group was seen before'),
  STATEMENT_CONFLICT: reason('FAILED_PRECONDITION', 'the statement contradicts one that was seen before'),
  GROUP_KEY_UNKNOWN: reason('FAILED_PRECONDITION', 'the device has no Group Key of that version'),
  SEAL_PERIOD_OVER: reason('FAILED_PRECONDITION', 'nothing is sealed with this Group Key any more'),
  CONTENT_REPLAYED: reason('FAILED_PRECONDITION', 'the message was opened before, or is too old to tell'),
  REVISION_STALE: reason('FAILED_PRECONDITION', 'the group was changed since the revision that was expected'),
  GATEWAY_RETIRING: reason('FAILED_PRECONDITION', 'the gateway is to be retired and takes no new admission'),
  LIMIT_REACHED: reason('RESOURCE_EXHAUSTED', 'a limit of the deployment is reached'),
  MESSAGE_TOO_LARGE: reason('RESOURCE_EXHAUSTED', 'the message is over the limit'),
  ALREADY_CONNECTED: reason('FAILED_PRECONDITION', 'another process with this identity holds the channel'),
  CONFLICT: retry('ABORTED', 'another call changed the same thing first; try again'),
  SUPERSEDED: reason('ABORTED', 'a newer stream of the same caller took its place'),

  // dependencies and ourselves
  DEPENDENCY_UNAVAILABLE: retry('UNAVAILABLE', 'something this service needs does not answer'),
  RESYNCHRONISING: retry('UNAVAILABLE', 'what was sent and what is known differ; a snapshot follows'),
  SHUTTING_DOWN: retry('UNAVAILABLE', 'the service is stopping'),
  DEADLINE: retry('DEADLINE_EXCEEDED', 'the deadline passed'),
  CALL_CANCELLED: retry('CANCELLED', 'the caller went away'),
  UNIMPLEMENTED: reason('UNIMPLEMENTED', 'this port does not serve that call'),
  STORED_RECORD_INVALID: retry('INTERNAL', 'a stored record does not authenticate'),
  INTERNAL: retry('INTERNAL', 'a fault of ours'),
} as const;

export type Reason = keyof typeof REASONS;
