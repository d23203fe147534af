import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const files = readdirSync(__dirname).filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'));

describe('the bare code of the hoarders', () => {
  it.each(files)('%s stands on node:crypto alone', (file) => {
    const source = readFileSync(join(__dirname, file), 'utf8');
    const imports = [...source.matchAll(/\bfrom\s+'([^']+)'|\b(?:import|require)\s*\(\s*'([^']+)'/g)];
    expect(imports.length).toBeGreaterThan(0);
    for (const [, named, called] of imports) expect(named ?? called).toMatch(/^(node:crypto|\.\/[a-z-]+)$/);
  });

  it('is there', () => expect(files.length).toBeGreaterThanOrEqual(5));
});
