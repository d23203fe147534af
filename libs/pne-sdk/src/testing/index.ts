export * from './fake-assigner';
export * from './fake-gateway';
export * from './memory-device-states';
