/** Bad input about Entity-User Keys: rows that the specs of services and the suite over processes try, and what they take. */
export * from './altered';
export * from './callers';
export * from './certificates';
export * from './credentials';
export * from './csr-rows';
export * from './dependencies';
export * from './drafts';
export * from './names';
export * from './proofs';
export * from './registrations';
export * from './row';
export * from './stages';
export * from './test-gateway';
export * from './tokens';
export * from './wire';
export * from './world';
