export * from './description';
export * from './group';
export * from './member-names';
export * from './membership';
