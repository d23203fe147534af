import fc from 'fast-check';
import type { Aggregate } from '../port';

const text = (extra: string, maxLength: number) => {
  const letters = [...'abcXYZ019 :.,;_-|~#@!?=&%"\'\\', ...extra];
  return fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength }).map((all) => all.join(''));
};

/** Names that the port allows, with every character that some layout of keys might trip over. */
export const names: {
  readonly aggregate: fc.Arbitrary<Aggregate>;
  readonly name: fc.Arbitrary<string>;
  readonly member: fc.Arbitrary<string>;
} = {
  aggregate: fc.record({ kind: fc.stringMatching(/^[a-z0-9-]{1,10}$/), id: text('/', 20) }),
  name: text('', 15),
  member: text('/', 20),
};
