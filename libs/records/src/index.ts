export { defineRecord, jsonField, optional, secretField, type ValueIn } from '@cpns/sealing';
export * from './open-records';
export * from './record-ref';
export * from './records';
