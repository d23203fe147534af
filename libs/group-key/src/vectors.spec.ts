import { createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireStatementSignature } from './statement';
import { reasonOf } from './testing/reason-of';
import { statementCases, type Values } from './testing/vector-cases';
import { formulas, Input, SIGNATURE_FORMULA, statementOf } from './testing/vector-formulas';

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
    expect(files.sort()).toEqual([...formulas.map(({ name }) => `${name}.json`), 'group-key-signature.json'].sort());
  });

  describe.each(formulas)('$name', ({ name, formula, cases, compute, reverse }) => {
    const file = read(name);

    it('holds the cases that are due, each with its input', () => {
      expect(file.formula).toBe(formula);
      expect(file.cases.map(({ name: title, input }) => ({ name: title, input }))).toEqual(cases);
    });

    it.each(file.cases)('$name', ({ input, output }) => {
      expect(compute(new Input(input))).toEqual(output);
      if (reverse !== undefined)
        expect(input).toEqual(expect.objectContaining(reverse(new Input(output), new Input(input))));
    });
  });

  describe('group-key-signature', () => {
    const file = read('group-key-signature');

    it('is over every statement', () => {
      expect(file.formula).toBe(SIGNATURE_FORMULA);
      const due = statementCases.map(({ input }) => ({ ...input, spki: expect.any(String) as string }));
      expect(file.cases.map(({ input }) => input)).toEqual(due);
    });

    it.each(file.cases)('$name', ({ input, output }) => {
      const key = createPublicKey({ key: new Input(input).bytes('spki'), format: 'der', type: 'spki' });
      const statement = statementOf(new Input(input));
      const signature = new Input(output).bytes('signature');
      expect(reasonOf(() => requireStatementSignature(key, statement, signature))).toBe('accepted');
      const another = { ...statement, version: statement.version - 1n };
      expect(reasonOf(() => requireStatementSignature(key, another, signature))).toBe('SIGNATURE_INVALID');
    });
  });
});
