export * from './admission';
export * from './first-seed';
export * from './key';
export * from './answer';
export * from './judge-request';
