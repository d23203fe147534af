export * from './fake-assigner';
export * from './fake-gateway';
export * from './memory-device-states';
export * from './memory-group-states';
export * from './fake-groups';
