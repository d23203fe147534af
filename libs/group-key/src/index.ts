/**
 * Group Keys (protocol.md, "Group Key"; 5.3.1.12.6, B.2): what they are, how they reach a member, and what is sealed with
 * them.
 */
export * from './commitment';
export { deriveContentKey, ContentKey, ContentOpener, ContentSealer } from './content';
export type { FindGroupKey, OpenedContent, SealerOptions } from './content';
export {
  CONTENT_MAX_BYTES,
  CONTENT_TAG_BYTES,
  COUNTER_BYTES,
  encodeContentHeader,
  parseContentHeader,
  SESSION_BYTES,
  type ContentCheck,
  type ContentHeader,
  type ContentTerms,
} from './content-header';
export {
  ENVELOPE_TAG,
  makeEnvelope,
  openEnvelope,
  parseEnvelope,
  requireEnvelopeOf,
  type Envelope,
  type EnvelopeCheck,
  type EnvelopeTerms,
} from './envelope';
export { WRAP_BYTES } from './key-wrap';
export * from './keyring';
export * from './life-cycle';
export * from './receive';
export * from './replay-memory';
export * from './replay-window';
export * from './server-signer';
export * from './statement';
export * from './service-group/description';
export * from './service-group/group';
export * from './service-group/member-names';
export * from './service-group/membership';
