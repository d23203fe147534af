export * from './description';
export * from './group';
export * from './life-cycle';
export * from './member-names';
export * from './membership';
