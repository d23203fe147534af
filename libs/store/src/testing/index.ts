export { changesBetweenDumps, changesBy } from './changes';
export { dump, rawDump, type DumpedAggregate, type RawEntry, type StoreDump } from './dump';
export { deathsAt, FailingStore, failingStore, wrappedStore, type Failure } from './failing-store';
export { rewindableStore, type RewindableStore } from './rewindable-store';
export { startRedis, type RunningRedis, type StartRedisOptions } from './start-redis';
export { temporaryStore, type TemporaryStore } from './temporary-store';
export * from './sealing';
