export * from './assignment';
export * as fields from './fields';
export * from './key-form';
export * from './registration';
