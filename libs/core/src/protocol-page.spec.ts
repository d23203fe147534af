import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');
const page = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');
const section = page.slice(page.indexOf('\n## Vectors'));

interface VectorFile {
  readonly formula: string;
  readonly cases: readonly { readonly input: object; readonly output: object }[];
}

const vectorFiles = readdirSync(join(ROOT, 'libs')).flatMap((lib) => {
  const directory = join(ROOT, 'libs', lib, 'vectors');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ lib, name, path: join(directory, name) }));
});

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as VectorFile;
const inCode = (text: string) => new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, word = '']) => word));
const labels = (text: string): string[] => text.match(/"cpns\/v1\/[a-z0-9-]+"/g) ?? [];

describe('docs/protocol.md and the vectors', () => {
  const words = inCode(section);

  it('is compared with all of them', () => {
    expect(vectorFiles.length).toBeGreaterThanOrEqual(23);
  });

  it.each(vectorFiles)('describes $lib/vectors/$name with every field that it has', ({ lib, name, path }) => {
    const { formula, cases } = read(path);
    const fields = new Set(cases.flatMap(({ input, output }) => [...Object.keys(input), ...Object.keys(output)]));
    expect(words).toContain(name);
    expect(words).toContain(`libs/${lib}/vectors`);
    expect([...fields].filter((field) => !words.has(field))).toEqual([]);
    expect(labels(formula).filter((label) => !page.includes(label))).toEqual([]);
  });

  it('describes no file that is not there', () => {
    const described = [...words].filter((word) => /^[a-z0-9-]+\.json$/.test(word));
    expect(described.filter((name) => !vectorFiles.some((file) => file.name === name))).toEqual([]);
  });
});
