export * from './open-records';
export * from './record';
export * from './sealed-records';
