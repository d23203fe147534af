import { temporaryStore } from './testing/temporary-store';
import { EmbeddedStore, openStore, RedisStore } from '.';

describe('openStore', () => {
  it('opens an embedded store, and a Redis that need not be there', async () => {
    const { url, dispose } = await temporaryStore();
    const embedded = await openStore(url);
    expect(embedded).toBeInstanceOf(EmbeddedStore);
    await embedded.close();
    await dispose();
    const redis = await openStore('redis://127.0.0.1:1?prefix=x:');
    expect(redis).toBeInstanceOf(RedisStore);
    await expect(redis.ping()).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    await redis.close();
  });

  it.each([
    '',
    'memory:',
    'embedded:relative',
    'embedded:',
    'redis:h',
    'postgres://user:hunter2@h/db',
    'redis://user:hunter2@h/x',
  ])('refuses %j in one sentence without a password', async (url) => {
    const error: unknown = await openStore(url).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'CONFIGURATION_INVALID' });
    expect(String(error)).not.toContain('hunter2');
  });

  it('has its methods on the prototypes, where a tool may stand in for them', () => {
    for (const type of [EmbeddedStore, RedisStore]) expect(Object.hasOwn(type.prototype, 'commit')).toBe(true);
  });
});
