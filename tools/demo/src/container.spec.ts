import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInContainer } from './container';

describe('runInContainer', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpns-container-'));
  let said: string;
  beforeEach(() => {
    said = '';
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** A program that keeps what it was told to run, and ends with a code of its own for that. */
  const install = (name: string): string => {
    const file = join(directory, name);
    const script = [
      `#!${process.execPath}`,
      `const args = process.argv.slice(2);`,
      `if (!args.includes('run')) process.exit(0);`,
      `require('node:fs').writeFileSync(${JSON.stringify(`${file}.told`)}, args.join(' '));`,
      `process.exit(7);`,
    ];
    writeFileSync(file, script.join('\n'));
    chmodSync(file, 0o755);
    return file;
  };

  it.each([
    ['a program', [], 'run --rm demo'],
    ['a plugin', ['compose'], 'compose run --rm demo'],
  ])('runs the demo’s container by %s, and hands on its exit code', async (name, args, told) => {
    const file = install(name);
    expect(await runInContainer(undefined, [[join(directory, 'nothing')], [file, ...args]])).toBe(7);
    expect(readFileSync(`${file}.told`, 'utf8')).toBe(told);
  });

  it('says that nothing runs containers here', async () => {
    expect(await runInContainer(undefined, [[join(directory, 'nothing')]])).toBe(64);
    expect(said).toMatch(/neither docker-compose nor docker compose/);
  });

  it('has no directory of this machine to write into', async () => {
    expect(await runInContainer('/tmp/x', [[install('unused')]])).toBe(64);
    expect(said).toMatch(/--out/);
  });
});
