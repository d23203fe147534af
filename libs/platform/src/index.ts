import 'reflect-metadata';

export * from './background-loop';
export * from './bootstrap';
export * from './certificate-transport';
export * from './common-config';
export * from './ended-peers';
export * from './flow-step';
export * from './follow-ended-peers';
export { GrpcController } from './grpc-controller';
export * from './grpc-transport';
export * from './own-identity';
export * from './personal-networks';
export * from './platform.module';
export * from './recent-records';
export * from './record-owners';
export * from './service-identity';
export * from './service-runtime.module';
export * from './store.module';
