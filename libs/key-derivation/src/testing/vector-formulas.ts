/**
 * How the library computes each vector: one row per file of `vectors/`. The recomputation that shares nothing with the
 * library is vectors.independent.spec.ts.
 */
import { admissionFormulas } from './vector-formulas-admission';
import { entityUserKeyFormulas, renewalAndProofFormulas } from './vector-formulas-keys';
import { registrationFormulas } from './vector-formulas-registration';
import type { Formula } from './vector-input';

export { Input, type Formula } from './vector-input';

export const formulas: readonly Formula[] = [
  ...admissionFormulas,
  ...entityUserKeyFormulas,
  ...registrationFormulas,
  ...renewalAndProofFormulas,
];
