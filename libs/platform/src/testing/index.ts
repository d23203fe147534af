export * from './fake-ended-source';
export * from './start-service';
export * from './test-process';
export * from './bad-input';
export * from './test-port';
