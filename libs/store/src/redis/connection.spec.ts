import { failureOf } from '@cpns/core/testing';
import { failureOf as storeFailureOf, parseRedisUrl, within } from './connection';

describe('parseRedisUrl', () => {
  const plain = { prefix: 'cpns:', database: 0, replicas: 0, replicasWithin: 1_000 };

  const single = (options: object, more: object = {}) => ({
    ...more,
    target: { kind: 'single', options: { db: 0, port: 6379, ...options } },
  });
  const [a, b] = [
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
  ];
  const sentinel = { name: 'mymaster', sentinels: [{ ...a, port: 26379 }, b] };
  const login = { username: 'user', password: 'p@ss:word', tls: {} };
  const settings = { prefix: 'a.b:', replicas: 2, replicasWithin: 500 };
  const query = 'prefix=a.b:&replicas=2&replicas-within=500';

  it.each<[string, object]>([
    ['redis://127.0.0.1', single({ host: '127.0.0.1' })],
    ['redis://redis.example:7000/3', single({ db: 3, host: 'redis.example', port: 7000 }, { database: 3 })],
    ['redis://[::1]:7000', single({ host: '::1', port: 7000 })],
    [`rediss://user:p%40ss:word@h:1/0?${query}`, single({ host: 'h', port: 1, ...login }, settings)],
    ['redis://:secret@h', single({ host: 'h', password: 'secret' })],
    [
      'redis+sentinel://a,b:2/mymaster/2',
      { database: 2, target: { kind: 'sentinel', options: { db: 2, ...sentinel } } },
    ],
    ['redis+cluster://a:1,b:2', { target: { kind: 'cluster', nodes: [a, b], options: { db: 0 } } }],
  ])('reads %s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual({ ...plain, ...expected });
  });

  it.each([
    ['no host', 'redis:///0'],
    ['another scheme', 'http://h'],
    ['a host that is none', 'redis://h_%'],
    ['two hosts of a single server', 'redis://a,b'],
    ['a database that is no number', 'redis://h/x'],
    ['a path too long', 'redis://h/1/2'],
    ['a database of a cluster', 'redis+cluster://h/1'],
    ['no master', 'redis+sentinel://h'],
    ['an unknown query', 'redis://h?timeout=1'],
    ['a prefix with a brace', 'redis://h?prefix={x}'],
    ['a prefix with a glob', 'redis://h?prefix=*'],
    ['an empty prefix', 'redis://h?prefix='],
    ['replicas that are no number', 'redis://h?replicas=-1'],
    ['a wait longer than a command may take', 'redis://h?replicas=1&replicas-within=2001'],
    ['no wait', 'redis://h?replicas=1&replicas-within=0'],
    ['replicas of a cluster', 'redis+cluster://h?replicas=1'],
    ['an unknown mode', 'redis+x://h'],
  ])('refuses %s in one sentence without the URL', (_, url) => {
    const withPassword = url.replace('://', '://user:hunter2@');
    for (const each of [url, withPassword]) {
      const error = failureOf(() => parseRedisUrl(each));
      expect(error).toMatchObject({ reason: 'CONFIGURATION_INVALID' });
      expect(String(error)).not.toContain('hunter2');
    }
  });
});

describe('failureOf', () => {
  const reply = (message: string) =>
    Object.assign(new Error(message), { name: 'ReplyError', command: { args: ['hunter2'] } });

  it.each([
    'LOADING Redis is loading',
    'READONLY You cannot write',
    'OOM command not allowed',
    'NOREPLICAS Not enough',
    'CLUSTERDOWN x',
    'WRONGPASS x',
    'NOAUTH x',
    'MISCONF x',
  ])('is a store that cannot serve for %s', (message) => {
    expect(storeFailureOf(reply(message))).toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
  });

  it('is a store that is away for what no server answered', () => {
    expect(storeFailureOf(new Error('connect ECONNREFUSED'))).toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
  });

  it('is a fault of ours for any other reply', () => {
    expect(storeFailureOf(reply('ERR wrong number of arguments'))).toMatchObject({ reason: 'INTERNAL' });
  });

  it('carries no argument of the command', () => {
    const { cause } = storeFailureOf(reply('ERR x'));
    expect(cause).toBeInstanceOf(Error);
    expect(cause).not.toHaveProperty('command');
  });
});

describe('within', () => {
  it('rejects in time, and lets the late failure be', async () => {
    let fail: (error: Error) => void = () => undefined;
    await expect(within(5, new Promise((_, reject) => (fail = reject)))).rejects.toThrow('no answer within 5 ms');
    fail(new Error('late'));
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('passes on what comes in time', async () => {
    expect(await within(1_000, Promise.resolve(7))).toBe(7);
  });
});
