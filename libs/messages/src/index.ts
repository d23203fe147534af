export * from './assignment';
export * as fields from './fields';
export * from './group-description';
export * from './group-key';
export { checkStatement, statementMessage } from './group-key-statement';
export * from './key-form';
export * from './registration';
