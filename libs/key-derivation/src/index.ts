export {
  deriveTokenAuthKey,
  deriveTokenPsk,
  enrolMac,
  verifyEnrolMac,
  type EnrolRequest,
  type RequestFields,
} from './admission';
export * from './assignment';
export * from './entity-user-key';
export { checkSize, DIGEST_BYTES, hkdf, hmac, MAC_BYTES, macMatches, sha256 } from './hkdf';
export { hkdfInfo, type HkdfInfo } from './hkdf-info';
export {
  checkHpkePublicKey,
  generateHpkeKeyPair,
  HPKE_PUBLIC_KEY_BYTES,
  HPKE_TAG_BYTES,
  hpkePublicKey,
  type HpkeKeyPair,
  type Sealed,
} from './hpke';
export * from './key-form';
export { checkKeyId, KEY_ID_BYTES, KEY_ID_PATTERN, keyIdBytes, keyIdText, type Credential } from './key-id';
export { Message } from './message';
export * from './one-time-string';
export * from './pairwise';
export * from './proof';
export {
  confirmClientMac,
  confirmServerMac,
  encodeRegistration,
  verifyConfirmClientMac,
  verifyConfirmServerMac,
  type Registration,
} from './registration';
export * from './renewal';
export * from './signature';
