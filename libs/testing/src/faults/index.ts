export { FaultControl } from './control';
export { FAULT_POINTS, sameCommit } from './plan';
export type { Commit, CommitSite, FaultPoint } from './plan';
