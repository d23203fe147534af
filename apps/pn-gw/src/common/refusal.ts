import { CpnsError, type Code } from '@cpns/core';

const LASTING: ReadonlySet<Code> = new Set<Code>([
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
  'UNIMPLEMENTED',
]);

/**
 * True for what is wrong in itself and will be however often it is tried. Whoever works a log off says so, and goes on:
 * what comes after must not wait for that. A store or a service that is away is not among these.
 */
export const isRefusal = (error: unknown): error is CpnsError => error instanceof CpnsError && LASTING.has(error.code);
