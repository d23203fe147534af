export { FaultControl } from './control';
export { FaultInjector, type InjectorOptions } from './injector';
export { FAULT_POINTS, FAULT_VARIABLES, sameCommit } from './plan';
export type { Commit, CommitSite, FaultPlan, FaultPoint, Kill } from './plan';
