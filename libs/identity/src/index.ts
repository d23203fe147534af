export * from './checks';
export * from './endpoint';
export * from './names';
export * from './patterns';
