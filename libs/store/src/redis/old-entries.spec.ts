/** A log from before entries had ids. */
import { systemClock } from '@cpns/core';
import { startRedis, type RunningRedis } from '../testing/start-redis';
import { RedisStore } from './redis-store';

let redis: RunningRedis;
let store: RedisStore;
beforeAll(async () => {
  redis = await startRedis();
  store = await RedisStore.open(redis.url, { clock: systemClock });
});
afterAll(async () => {
  await store.close();
  await redis.stop();
});

const idOf = (sequence: bigint) => Buffer.from(String(sequence).padStart(16, '0'));

it('gives an entry and a trim from before there were ids its sequence as id, until it is trimmed', async () => {
  const at = { kind: 'old', id: 'x' };
  await store.use(async (client) => {
    for (const n of [2, 3]) {
      await client.xadd(store.keys.stream(at, 'l'), `${n}-0`, 'd', `d${n}`, 'v', 'x');
      await client.hset(store.keys.dedupe(at, 'l'), `d${n}`, n);
    }
    await client.hset(store.keys.state(at, 'l'), 'last', 3, 'trimmed', 1);
  });
  const page = await store.readLog(at, 'l', 1n, 10);
  expect([page.afterId, page.lastId, ...page.entries.map(({ entryId }) => entryId)]).toEqual(
    [1n, 3n, 2n, 3n].map(idOf),
  );
  const log = 'l';
  const appended = await store.commit(at, {
    append: ['d3', 'd4'].map((dedupeId) => ({ log, dedupeId, value: idOf(0n) })),
  });
  expect(appended).toMatchObject({ sequences: [3n, 4n], entryIds: [idOf(3n), expect.anything()] });
  expect(await store.commit(at, { trim: [{ log, upTo: 2n, entryId: idOf(3n) }] })).toMatchObject({ ok: false });
  expect(await store.commit(at, { trim: [{ log, upTo: 2n, entryId: idOf(2n) }] })).toMatchObject({ ok: true });
  expect((await store.readLog(at, 'l', 2n, 10)).afterId).toEqual(idOf(2n));
});
