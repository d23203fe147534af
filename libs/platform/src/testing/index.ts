export * from './test-process';
export * from './bad-input';
