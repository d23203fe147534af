export * from './admission';
export * from './key';
