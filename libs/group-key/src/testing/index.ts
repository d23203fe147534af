export * from './test-server';
export { changesOfHistory, HISTORIES, type History } from './histories';
export { FORGERS } from './forgers';
