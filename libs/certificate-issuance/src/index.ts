/**
 * Certificates of CPNS (protocol.md, "Certificates"): requests checked, certificates issued from profiles, chains and
 * revocation lists verified.
 */
export { parseCertificate, CERTIFICATE_MAX_BYTES, type ParsedCertificate } from './certificate/parse-certificate';
export { createPeerClassifier } from './chain/classify-peer-leaf';
export type { PeerIdentity, VerifiedPeer } from './chain/verified-peer';
export { CHAIN_MAX_LENGTH, verifyChain, type VerifyChainRequest } from './chain/verify-chain';
export { buildCrl, type CrlRequest, type Revocation } from './crl/build-crl';
export { CRL_MAX_BYTES, isRevoked, parseCrl, verifyCrl, type ParsedCrl, type VerifyCrlRequest } from './crl/parse-crl';
export { checkRequestedName } from './csr/check-requested-name';
export { createCsr, type CsrOptions } from './csr/create-csr';
export { CSR_MAX_BYTES, parseCsr, type ParsedCsr } from './csr/parse-csr';
export type { RevocationReason } from './extensions/reason-code';
export type { GeneralName } from './extensions/general-name';
export { BACKDATING, issueCertificate, type IssueContext, type IssuedCertificate } from './issue/issue-certificate';
export { createIssuer, type Issuer } from './issue/issuer';
export { HOSTS_MAX, type IssueRequest } from './issue/request';
export { KEY_KINDS, PublicKey, type KeyKind } from './keys/public-key';
export { localSigner, signerFromPkcs8, type Signer } from './keys/signer';
export {
  createDevelopmentPki,
  newPrivateKey,
  privateKeyPem,
  type Credentials,
  type DevelopmentAuthority,
  type DevelopmentPki,
  type DevelopmentPkiOptions,
  type ServerNames,
} from './pki/development-pki';
export { issueRoot } from './pki/issue-root';
export { loadIssuer, loadSigner } from './pki/load-issuer';
export { derToPem, dersToPem, pemToDers } from './pki/pem';
export { PROFILE_IDS, type Profile, type ProfileId } from './profiles/profile';
export { PROFILES } from './profiles/profiles';
