import { systemClock } from '@cpns/core';
import { eventually, FakeClock } from '@cpns/core/testing';
import { Redis } from 'ioredis';
import { everyCall, put } from '../testing/each-store';
import { startRedis, type RunningRedis } from '../testing/start-redis';
import { RedisStore } from './redis-store';

jest.setTimeout(30_000);

const at = { kind: 'k', id: 'i' };
const unavailable = { name: 'CpnsError', reason: 'DEPENDENCY_UNAVAILABLE' };

async function elapsed(action: () => Promise<unknown>): Promise<number> {
  const began = process.hrtime.bigint();
  await action();
  return Number((process.hrtime.bigint() - began) / 1_000_000n);
}

describe('a Redis that comes and goes', () => {
  let redis: RunningRedis;
  let store: RedisStore;
  let failures: Error[];
  beforeEach(async () => {
    failures = [];
    redis = await startRedis({ appendonly: true });
    store = await RedisStore.open(redis.url, { clock: systemClock, onError: (error) => failures.push(error) });
  });
  afterEach(async () => {
    await store.close();
    await redis.stop();
  });

  it('is missed at once, by every method, and used again when it is back, with all that was committed', async () => {
    expect((await store.commit(at, put('before', 'x'))).ok).toBe(true);
    await redis.kill();
    for (const call of everyCall(store, at))
      expect(await elapsed(() => expect(call()).rejects.toMatchObject(unavailable))).toBeLessThan(3_000);
    await eventually(() => expect(failures.length > 0).toBe(true), 5_000);
    await redis.restart();
    await eventually(() => store.ping(), 5_000);
    expect((await store.read(at, ['before'])).size).toBe(1);
    expect(await store.isMember(at, 's', 'm')).toBe(false);
    expect((await store.commit(at, put('after', 'x'))).ok).toBe(true);
  });

  it('answers in a bounded time although the server hangs, and goes on when it does', async () => {
    const { pid } = redis;
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await elapsed(() => expect(store.ping()).rejects.toMatchObject(unavailable))).toBeLessThan(2_000);
      expect(
        await elapsed(() => expect(store.commit(at, put('a', 'x'))).rejects.toMatchObject(unavailable)),
      ).toBeLessThan(3_500);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await eventually(() => store.ping(), 5_000);
  });

  it('may be away when the store is opened', async () => {
    await redis.kill();
    const early = await RedisStore.open(redis.url, { clock: systemClock });
    await expect(early.ping()).rejects.toMatchObject(unavailable);
    await redis.restart();
    await eventually(() => early.ping(), 5_000);
    expect((await early.commit(at, put('a', 'x'))).ok).toBe(true);
    await early.close();
  });

  it('keeps its watches: they wake once when it is back, and for what comes then', async () => {
    let woken = 0;
    const stop = new AbortController();
    await store.watch(at, 'l', () => woken++, stop.signal);
    await redis.kill();
    // one more, set while it is away
    let late = 0;
    await store.watch(at, 'm', () => late++, stop.signal);
    const before = woken;
    await redis.restart();
    await eventually(() => expect(woken > before && late > 0).toBe(true), 5_000);
    await eventually(() => store.ping(), 5_000);
    const [wokenBefore, lateBefore] = [woken, late];
    const entry = { dedupeId: '1', value: Buffer.from('x') };
    await store.commit(at, {
      append: [
        { log: 'l', ...entry },
        { log: 'm', ...entry },
      ],
    });
    await eventually(() => expect(woken > wokenBefore && late > lateBefore).toBe(true), 2_000);
    stop.abort();
  });

  it('forgets its scripts with no notice to anybody', async () => {
    await store.commit(at, put('a', 'x'));
    const client = new Redis(redis.url);
    await client.script('FLUSH');
    expect((await store.commit(at, put('b', 'x'))).ok).toBe(true);
    client.disconnect();
  });

  it('refuses commands for want of memory: the store cannot serve, and nothing was changed', async () => {
    const client = new Redis(redis.url);
    await client.config('SET', 'maxmemory', '1');
    await expect(store.commit(at, put('a', 'x'))).rejects.toMatchObject(unavailable);
    await client.config('SET', 'maxmemory', '0');
    expect((await store.read(at, ['a'])).size).toBe(0);
    client.disconnect();
  });
});

describe('a Redis with a password', () => {
  it('serves who knows it; the failure of others names none', async () => {
    const redis = await startRedis({ settings: ['--requirepass', 'correct-horse'] });
    try {
      const good = await RedisStore.open(redis.url.replace('://', '://:correct-horse@'), { clock: systemClock });
      await good.ping();
      await good.close();
      const failures: Error[] = [];
      const bad = await RedisStore.open(redis.url.replace('://', '://:wrong-horse@'), {
        clock: systemClock,
        onError: (error) => failures.push(error),
      });
      const error = await bad.ping().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject(unavailable);
      expect(failures.length).toBeGreaterThan(0);
      for (const each of [...failures, error])
        expect(JSON.stringify(each, Object.getOwnPropertyNames(each))).not.toContain('horse');
      await bad.close();
    } finally {
      await redis.stop();
    }
  });
});

describe('replicas', () => {
  it('have a commit before it is answered, where that is asked for', async () => {
    const master = await startRedis();
    const replica = await startRedis({ settings: ['--replicaof', '127.0.0.1', `${master.port}`] });
    const store = await RedisStore.open(`${master.url}?replicas=1&replicas-within=300`, { clock: systemClock });
    try {
      await eventually(() => store.commit(at, { addTo: [{ set: 's', member: 'm' }] }), 10_000);
      await replica.kill();
      await expect(store.commit(at, put('alone', 'x'))).rejects.toMatchObject(unavailable);
    } finally {
      await store.close();
      await replica.stop();
      await master.stop();
    }
  }, 20_000);
});

describe('what has expired', () => {
  const clock = new FakeClock();
  let redis: RunningRedis;
  let store: RedisStore;
  let client: Redis;
  beforeEach(async () => {
    redis = await startRedis();
    store = await RedisStore.open(redis.url, { clock });
    client = new Redis(redis.url);
  });
  afterEach(async () => {
    client.disconnect();
    await store.close();
    await redis.stop();
  });
  const add = () => store.commit(at, { addTo: [{ set: 's', member: 'm' }] });
  const remove = () => store.commit(at, { removeFrom: [{ set: 's', member: 'm' }] });

  it('leaves Redis by itself some time later, with the inventory of its aggregate', async () => {
    const ttlOf = (name: string) => client.pttl(name);
    const [inventory, short] = [store.keys.inventory(at), store.keys.record(at, 'short')];
    await store.commit(at, put('short', 'x', 'absent', clock.now() + 1_000));
    await store.commit(at, put('long', 'x', 'absent', clock.now() + 500_000));
    const ttl = await ttlOf(short);
    expect(ttl).toBeGreaterThan(1_000);
    expect(ttl).toBeLessThanOrEqual(61_000);
    expect(await ttlOf(inventory)).toBeGreaterThan(500_000);
    await add();
    expect(await ttlOf(inventory)).toBe(-1);
    await remove();
    expect(await ttlOf(inventory)).toBeGreaterThan(500_000);
    await store.commit(at, put('short', 'y', 1n));
    expect(await ttlOf(short)).toBe(-1);
  });

  it('leaves the index when it was found empty twice, a minute apart', async () => {
    const indexed = () => client.zrange(store.keys.ids('k'), '0', '-1');
    await add();
    await remove();
    for (const [pause, left] of [
      [0, 1],
      [59_999, 1],
      [1, 0],
    ] as const) {
      clock.advance(pause);
      expect((await store.list('k', undefined, 10)).items).toEqual([]);
      expect(await indexed()).toHaveLength(left);
    }
    // found empty once, filled again, emptied again: the minute begins anew
    for (const pause of [60_000, 0]) {
      await add();
      await remove();
      await store.list('k', undefined, 10);
      clock.advance(pause);
    }
    expect(await indexed()).toHaveLength(1);
  });
});
