import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

/** The page's own shorthand: below `apps/` unless they begin with `libs/`; `pne-sdk` is `libs/pne-sdk/src`. */
const fileOf = (named: string): string => {
  if (named.startsWith('libs/')) return named;
  return named.startsWith('pne-sdk/') ? named.replace('pne-sdk', 'libs/pne-sdk/src') : `apps/${named}`;
};

it('docs/flows.md names files and folders that are there', () => {
  const page = readFileSync(join(ROOT, 'docs/flows.md'), 'utf8');
  // what is named without an app stands beside a file named before it
  const named = [...page.matchAll(/`((?:libs|pne-sdk|[a-z-]+\/src)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(join(ROOT, fileOf(path))))).toEqual([]);
});
