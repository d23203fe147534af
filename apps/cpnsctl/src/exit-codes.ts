import { CpnsError } from '@cpns/core';
import { CommanderError } from 'commander';

/** Exit codes; those above 63 are of sysexits.h. `cpnsctl --help` shows them. */
export const EXIT = {
  done: 0,
  /** The CPNS Server, the SMF or a gateway said no, or its answer was not good. */
  refused: 1,
  /** The command line is wrong, or a file that it names. */
  usage: 64,
  /** The service does not answer; the same command may succeed later. */
  unavailable: 69,
  /** A fault of ours. */
  internal: 70,
} as const;

/** The command line is wrong, or a file that it names. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Runs a check of what the user gave.
 * @param what is checked, for the message
 * @throws UsageError in place of a CpnsError
 */
export function checkInput<T>(what: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw asUsageError(what, error);
  }
}

/** A CpnsError about what the user gave; everything else stays what it is. */
export function asUsageError(what: string, error: unknown): unknown {
  if (!(error instanceof CpnsError)) return error;
  return new UsageError(`${what}: ${error.message} (${error.reason})`, { cause: error });
}

/** What a failure looks like from outside. */
export interface Failure {
  readonly code: number;
  /** One line; empty where something was said already. */
  readonly line: string;
}

const UNAVAILABLE = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'];

/** @param error what a command threw */
export function describeFailure(error: unknown): Failure {
  // commander has said what is wrong; what it calls an error of code 0 is help or version that was asked for
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? EXIT.done : EXIT.usage, line: '' };
  if (error instanceof UsageError) return { code: EXIT.usage, line: error.message };
  if (!(error instanceof CpnsError))
    return { code: EXIT.internal, line: error instanceof Error ? error.message : String(error) };
  const line = `${error.message} (${error.reason})`;
  if (UNAVAILABLE.includes(error.code)) return { code: EXIT.unavailable, line };
  return { code: error.reason === 'INTERNAL' ? EXIT.internal : EXIT.refused, line };
}

export const EXIT_CODE_HELP = `
Exit codes:
  0   done
  1   refused, with the reason
  64  the command line, or a file that it names, is wrong
  69  the service does not answer; try again
  70  a fault of cpnsctl or of the service`;
