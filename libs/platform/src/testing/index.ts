export * from './start-service';
export * from './test-process';
