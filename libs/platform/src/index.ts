export * from './run-service';
export * from './server-side';
