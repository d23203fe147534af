export * from './admission';
export * from './first-seed';
export * from './key';
export * from './life-cycle';
export * from './answer';
export * from './judge-request';
