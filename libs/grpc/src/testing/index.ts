export * from './call';
export * from './pki';
