import { storeContract } from '../testing/contract';
import { startRedis, type RunningRedis } from '../testing/start-redis';
import { RedisStore } from './redis-store';

let redis: RunningRedis;

storeContract('redis', {
  start: async () => {
    redis = await startRedis();
  },
  open: (clock) => RedisStore.open(redis.url, { clock }),
  stop: () => redis.stop(),
});
