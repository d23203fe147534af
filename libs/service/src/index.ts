export * from './config';
export * from './nest';
export * from './run-service';
export * from './settings';
export * from './server-side';
