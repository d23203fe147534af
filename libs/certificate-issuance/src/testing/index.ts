/** Helpers for tests, here and in the suites over real processes. Keys are made at test time; none is kept. */
export * from './alterations';
export * from './mint';
export * from './openssl';
export * from './world';
export { asAuthority, issueCredentials } from '../pki/development-pki';
