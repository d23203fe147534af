import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyBytes } from './signature';
import type { Values } from './testing/vector-cases';
import { formulas, Input } from './testing/vector-formulas';
import { keyKinds } from './testing/vector-signatures';

interface VectorFile {
  readonly formula: string;
  readonly cases: readonly { readonly name: string; readonly input: Values; readonly output: Values }[];
}

const directory = join(__dirname, '../vectors');
const read = (name: string): VectorFile =>
  JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')) as VectorFile;

describe('the frozen vectors', () => {
  it('are one file per formula', () => {
    const files = readdirSync(directory).filter((file) => file.endsWith('.json'));
    expect(files.sort()).toEqual([...formulas.map(({ name }) => `${name}.json`), 'signature.json'].sort());
  });

  describe.each(formulas)('$name', ({ name, formula, cases, compute, reverse }) => {
    const file = read(name);

    it('holds the cases that are due, each with its input', () => {
      expect(file.formula).toBe(formula);
      expect(file.cases.map(({ name: title, input }) => ({ name: title, input }))).toEqual(cases);
    });

    it.each(file.cases)('$name', async ({ input, output }) => {
      expect(await compute(new Input(input))).toEqual(output);
      if (reverse !== undefined)
        expect(input).toEqual(expect.objectContaining(await reverse(new Input(output), new Input(input))));
    });
  });

  describe('signature', () => {
    const { cases } = read('signature');

    it('has every kind of key', () => {
      const kinds = new Set(cases.map(({ name }) => name.split(',')[0]));
      expect([...kinds]).toEqual(Object.keys(keyKinds));
    });

    it.each(cases)('$name', ({ input, output }) => {
      const [fields, signature] = [new Input(input), new Input(output).bytes('signature')];
      expect(verifyBytes(fields.bytes('spki'), fields.bytes('message'), signature)).toBe(true);
      expect(verifyBytes(fields.bytes('spki'), Buffer.from('another message'), signature)).toBe(false);
    });
  });
});
