import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataKey } from '@cpns/core';
import { FileMasterKey } from './file-master-key';

describe('FileMasterKey', () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cpns-master-'));
    path = join(directory, 'master.key');
  });
  afterEach(() => rm(directory, { recursive: true }));

  const file = (content: string | Buffer, mode = 0o600) => writeFile(path, content, { mode });
  const key = randomBytes(32);

  it.each<[string, () => string | Buffer, number]>([
    ['32 raw bytes', () => key, 0o600],
    ['32 raw bytes, read-only', () => key, 0o400],
    ['hex digits', () => key.toString('hex'), 0o600],
    ['hex digits in capitals and a line feed', () => `${key.toString('hex').toUpperCase()}\n`, 0o600],
    ['hex digits and a line end of Windows', () => `${key.toString('hex')}\r\n`, 0o600],
  ])('loads %s as the same key', async (_, content, mode) => {
    await file(key);
    const wrapped = await (await FileMasterKey.load(path)).wrap(new DataKey(Buffer.alloc(32, 7)));
    await rm(path);
    await file(content(), mode);
    expect((await (await FileMasterKey.load(path)).unwrap(wrapped)).expose()).toEqual(Buffer.alloc(32, 7));
  });

  it.each<[string, string | Buffer, number, RegExp]>([
    ['of 31 bytes', key.subarray(1), 0o600, /32 bytes/],
    ['of 33 bytes', Buffer.concat([key, Buffer.alloc(1)]), 0o600, /32 bytes/],
    ['that is empty', '', 0o600, /32 bytes/],
    ['of 62 hex digits', key.toString('hex').slice(2), 0o600, /32 bytes/],
    ['of 66 hex digits', `${key.toString('hex')}00`, 0o600, /32 bytes/],
    ['of 64 characters that are no hex', 'g'.repeat(64), 0o600, /32 bytes/],
    ['with two line feeds', `${key.toString('hex')}\n\n`, 0o600, /32 bytes/],
    ['of a megabyte', Buffer.alloc(1 << 20), 0o600, /32 bytes/],
    ['that its group may read', key, 0o640, /mode 0600/],
    ['that all may read', key, 0o604, /mode 0600/],
    ['that its group may write', key, 0o620, /mode 0600/],
  ])('refuses a file %s, without its content or path', async (_, content, mode, message) => {
    await file(content);
    await chmod(path, mode);
    const error: unknown = await FileMasterKey.load(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'CONFIGURATION_INVALID' });
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain(directory);
    expect(String(error)).not.toContain(key.toString('hex').slice(2, 20));
  });

  it('refuses a file that is not there, and a directory', async () => {
    await expect(FileMasterKey.load(path)).rejects.toMatchObject({ reason: 'CONFIGURATION_INVALID' });
    await chmod(directory, 0o700);
    await expect(FileMasterKey.load(directory)).rejects.toThrow('is no file');
  });

  it('makes a file for its owner only, once', async () => {
    const made = await FileMasterKey.create(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const content = await readFile(path);
    await expect(FileMasterKey.create(path)).rejects.toMatchObject({ reason: 'CONFIGURATION_INVALID' });
    expect(await readFile(path)).toEqual(content);
    const wrapped = await made.wrap(new DataKey(key));
    expect((await (await FileMasterKey.load(path)).unwrap(wrapped)).expose()).toEqual(key);
  });

  it('unwraps nothing that was altered at any byte, cut, or wrapped by another', async () => {
    const master = await FileMasterKey.create(path);
    const wrapped = await master.wrap(new DataKey(key));
    expect(wrapped).toHaveLength(40);
    const altered = Array.from({ length: wrapped.length }, (_, at) => {
      const copy = Buffer.from(wrapped);
      copy[at]! ^= 1;
      return copy;
    });
    const other = await FileMasterKey.create(join(directory, 'other.key'));
    const all = [...altered, wrapped.subarray(8), Buffer.alloc(0), await other.wrap(new DataKey(key))];
    for (const each of all)
      await expect(master.unwrap(each)).rejects.toMatchObject({ reason: 'STORED_RECORD_INVALID' });
  });
});
