/**
 * Group Keys (protocol.md, "Group Key"; 5.3.1.12.6, B.2): what they are, how they reach a member, and what is sealed with
 * them.
 */
export * from './envelope';
export {
  ContentKey,
  ContentOpener,
  ContentSealer,
  deriveContentKey,
  type FindGroupKey,
  type OpenedContent,
  type SealerOptions,
} from './content';
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
  type Envelope,
  ENVELOPE_TAG,
  type EnvelopeCheck,
  type EnvelopeTerms,
  makeEnvelope,
  openEnvelope,
  parseEnvelope,
  requireEnvelopeOf,
  WRAP_BYTES,
} from './envelope';
export * from './keyring';
export * from './receive';
export * from './statement';
export * from './replay-memory';
export * from './replay-window';
export * from './group-description';
export * from './service-group';
