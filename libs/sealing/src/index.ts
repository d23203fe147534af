export { type AuthenticatedRecord } from './authenticated-record';
export { DATA_KEYS_RECORD, dataKeysOf } from './data-keys';
export {
  jsonField,
  optional,
  secretField,
  type AnyField,
  type Field,
  type Json,
  type PlainField,
  type SecretField,
} from './fields';
export { FileMasterKey } from './file-master-key';
export {
  MAC_BYTES,
  openBytes,
  recordMac,
  recordMacKey,
  SALT_BYTES,
  sealBytes,
  TAG_BYTES,
  type Binding,
} from './formulas';
export { WRAPPED_BYTES, type MasterKeyProvider } from './master-key';
export {
  defineRecord,
  recordName,
  SealedRecords,
  type Fields,
  type PutOptions,
  type RecordDefinition,
  type RecordOf,
  type Seen,
  type ValueIn,
} from './records';
export { Sealer, type FieldPlace, type Place, type SealerOptions } from './sealer';
