export * from './config';
export * from './run-service';
export * from './settings';
export * from './server-side';
