import { systemClock } from '@cpns/core';
import { eventually as retried } from '@cpns/core/testing';
import { startRedis, type RunningRedis } from '../testing/start-redis';
import { RedisStore } from './redis-store';

const at = { kind: 'k', id: 'i' };

const eventually = <T>(action: () => Promise<T>) => retried(action, 15_000);

describe('a Redis under Sentinel', () => {
  const running: RunningRedis[] = [];
  const started = async (options: Parameters<typeof startRedis>[0]) => {
    const redis = await startRedis(options);
    running.push(redis);
    return redis;
  };
  afterAll(() => Promise.all(running.map((redis) => redis.stop())));

  it('is found by the name of its master, and its successor when that is gone', async () => {
    const master = await started({});
    await started({ settings: ['--replicaof', '127.0.0.1', `${master.port}`] });
    const sentinel = await started({
      sentinel: [
        `sentinel monitor main 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds main 500',
        'sentinel failover-timeout main 3000',
      ],
    });
    const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
    // a commit that is answered is on the replica, so that the failover cannot lose it
    const careful = await RedisStore.open(`${url}?replicas=1`, { clock: systemClock });
    const store = await RedisStore.open(url, { clock: systemClock });
    try {
      await eventually(() => careful.commit(at, { addTo: [{ set: 's', member: 'before' }] }));
      await master.kill();
      await expect(store.ping()).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
      await eventually(() => store.commit(at, { addTo: [{ set: 's', member: 'after' }] }));
      expect((await store.members(at, 's', undefined, 10)).items).toEqual(['after', 'before']);
    } finally {
      await careful.close();
      await store.close();
    }
  }, 40_000);
});
