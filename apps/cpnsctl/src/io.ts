import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { UsageError } from './exit-codes';

/** What a command touches of its surroundings; tests bring their own. */
export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Asks the person at the terminal, and waits for a line; absent where there is no terminal. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

async function askAtTerminal(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // a closed input, such as Ctrl-D, is an empty answer
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  return Promise.race([terminal.question(question), closed]).finally(() => terminal.close());
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  now: Date.now,
  ask: process.stdin.isTTY && process.stderr.isTTY ? askAtTerminal : undefined,
};

/** Nothing that is read here is larger. */
const MAX_BYTES = 65_536;

/** What the file system calls its refusal, such as ENOENT. */
const why = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : String(error);

/** @throws UsageError when the file cannot be read, or is over 64 KiB */
export function readInput(path: string): Buffer {
  try {
    if (statSync(path).size > MAX_BYTES) throw new UsageError(`${path} has more than ${MAX_BYTES} bytes`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path} cannot be read (${why(error)})`, { cause: error });
  }
}

/** Runs something that writes files. @throws UsageError where the file system refuses */
export function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw new UsageError(`${path} cannot be written (${why(error)})`, { cause: error });
  }
}
