export * from './config';
export * from './nest';
export * from './run-service';
export * from './settings';
