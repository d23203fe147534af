/**
 * Frozen vectors: files `<formula>.json` of `{ formula, cases: [{ name, input, output }] }`. Text stands as it is, bytes in hex,
 * times as numbers (milliseconds), other u64 as decimal text.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Values = Readonly<Record<string, string | number | readonly string[]>>;

export interface VectorCase {
  readonly name: string;
  readonly input: Values;
  readonly output: Values;
}

export const vectorCases = (directory: string, formula: string): readonly VectorCase[] =>
  (JSON.parse(readFileSync(join(directory, `${formula}.json`), 'utf8')) as { cases: VectorCase[] }).cases;

/** Typed access to the values of a case. */
export class Fields {
  constructor(private readonly values: Values) {}

  has(name: string): boolean {
    return this.values[name] !== undefined;
  }

  text(name: string): string {
    const value = this.values[name];
    if (typeof value !== 'string') throw new Error(`the case has no text ${name}`);
    return value;
  }

  bytes(name: string): Buffer {
    return Buffer.from(this.text(name), 'hex');
  }

  big(name: string): bigint {
    return BigInt(this.text(name));
  }

  number(name: string): number {
    const value = this.values[name];
    if (typeof value !== 'number') throw new Error(`the case has no number ${name}`);
    return value;
  }

  list(name: string): Buffer[] {
    const value = this.values[name];
    if (!Array.isArray(value)) throw new Error(`the case has no list ${name}`);
    return value.map((item: string) => Buffer.from(item, 'hex'));
  }
}

/** How the library computes a formula. */
export interface Formula {
  readonly compute: (input: Fields) => Values | Promise<Values>;
  /** The way back, where there is one: what a reader, opener or verifier finds; these are fields of the input. */
  readonly reverse?: (output: Fields, input: Fields) => Values | Promise<Values>;
}

/**
 * Holds a library to its frozen vectors, in both directions. A new case begins without its output: the failure shows it.
 * @param judged files that are not computed again, of signatures
 */
export function describeVectors(
  directory: string,
  formulas: Readonly<Record<string, Formula>>,
  judged: readonly string[] = [],
): void {
  test('each file of vectors has its formula', () => {
    const files = readdirSync(directory).filter((file) => file.endsWith('.json'));
    expect([...Object.keys(formulas), ...judged].map((name) => `${name}.json`).sort()).toEqual(files.sort());
  });

  describe.each(Object.entries(formulas))('the frozen vectors: %s', (name, { compute, reverse }) => {
    it.each([...vectorCases(directory, name)])('$name', async ({ input, output }) => {
      expect(await compute(new Fields(input))).toEqual(output);
      if (reverse !== undefined)
        expect(input).toEqual(expect.objectContaining(await reverse(new Fields(output), new Fields(input))));
    });
  });
}
