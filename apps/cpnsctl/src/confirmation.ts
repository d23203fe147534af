/** What takes something away, or gives it back, is confirmed: by a person at a terminal, or by `--yes`. */
import type { Command } from 'commander';
import { UsageError } from './exit-codes';
import type { Io } from './io';

export interface ConfirmationFlags {
  readonly yes: boolean;
}

/** Adds `--yes`. */
export const withConfirmation = (command: Command): Command =>
  command.option('--yes', 'do it without asking; needed where there is no terminal', false);

/**
 * @param what is to be done, as the beginning of a question
 * @param show writes what it would lead to, for who is asked
 * @throws UsageError when it is not confirmed: nothing is to be changed then
 */
export async function confirm(io: Io, { yes }: ConfirmationFlags, what: string, show?: () => Promise<void>) {
  if (yes) return;
  if (io.ask === undefined) throw new UsageError(`${what}? There is no terminal to ask at: give --yes`);
  await show?.();
  const answer = await io.ask(`${what}? Type yes to go on: `);
  if (answer.trim() !== 'yes') throw new UsageError('not confirmed: nothing was changed');
}
