export * from './port';
export { STORE_LIMITS } from './limits';
export { EmbeddedStore, type EmbeddedStoreOptions } from './embedded/embedded-store';
export { RedisStore, type RedisStoreOptions } from './redis/redis-store';
export { listPage, type PageRequest } from './list-page';
export { openStore, type StoreOptions } from './open-store';
