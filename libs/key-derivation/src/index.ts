export * from './assignment';
export * from './entity-user-key';
export {
  checkSize,
  DIGEST_BYTES,
  hkdf,
  hkdfInfo,
  type HkdfInfo,
  hmac,
  MAC_BYTES,
  macMatches,
  Message,
  requireSignature,
  sha256,
  signBytes,
  verifyBytes,
} from './formulas';
export {
  checkHpkePublicKey,
  generateHpkeKeyPair,
  HPKE_PUBLIC_KEY_BYTES,
  HPKE_TAG_BYTES,
  hpkePublicKey,
  type HpkeKeyPair,
  type Sealed,
} from './hpke';
export * from './one-time-string';
export * from './pairwise';
export * from './proof';
export { checkNotPublished } from './published-secrets';
export * from './renewal';
