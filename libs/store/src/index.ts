export { STORE_LIMITS } from './limits';
export * from './port';
export { EmbeddedStore, type EmbeddedStoreOptions } from './embedded/embedded-store';
export { RedisStore, type RedisStoreOptions } from './redis/redis-store';
export { listPage, type PageRequest } from './list-page';
export * from './sets';
export { openStore, type StoreOptions } from './open-store';
export * from './records/open-records';
export * from './records/record-ref';
export * from './records/records';
export { type AuthenticatedRecord } from './sealing/authenticated-record';
export { DATA_KEYS_RECORD, dataKeysOf } from './sealing/data-keys';
export {
  jsonField,
  optional,
  secretField,
  type AnyField,
  type Fields,
  type Json,
  type PlainField,
  type RecordOf,
  type SecretField,
} from './sealing/fields';
export { FileMasterKey } from './sealing/file-master-key';
export { MAC_BYTES } from './sealing/formulas';
export type { MasterKeyProvider } from './sealing/master-key';
export {
  defineRecord,
  SealedRecords,
  type PutOptions,
  type RecordDefinition,
  type Seen,
  type ValueIn,
} from './sealing/records';
export { Sealer, type FieldPlace, type Place, type SealerOptions } from './sealing/sealer';
