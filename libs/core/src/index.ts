export * from './clock';
export * from './encoding';
export * from './errors';
export * from './life-cycle';
export * from './random';
export * from './reasons';
export * from './secrets';
