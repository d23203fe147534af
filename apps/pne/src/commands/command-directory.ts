/**
 * Commands as files, since a device program may have no other way in: `<n>.command.json` for n = 1, 2, 3, ..., each answered
 * by `<n>.result.json`. A command whose result is there is never done again; one that a crash interrupted is.
 */
import { toCpnsError } from '@cpns/grpc';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeJson } from '../result-file';
import { parseCommand, type Command } from './command';
import type { CommandResult } from './command-session';

/** Between two looks for the next file, milliseconds. */
const LOOK_MS = 20;

const RESULT = /^([1-9]\d{0,14})\.result\.json$/;

export interface CommandLoop {
  readonly directory: string;
  readonly run: (command: Command) => Promise<CommandResult>;
  /** Ends the loop after the command under way. */
  readonly signal: AbortSignal;
}

/** Works off what is there and what comes, until the command `stop` or the signal. */
export async function workOffCommands(loop: CommandLoop): Promise<void> {
  for (let number = firstOpen(loop.directory); ; number++) {
    const text = await commandText(loop, number);
    if (text === undefined) return;
    const { result, isLast } = await answer(loop, text);
    writeJson(join(loop.directory, `${number}.result.json`), result);
    if (isLast) return;
  }
}

function firstOpen(directory: string): number {
  const done = readdirSync(directory).map((name) => Number(RESULT.exec(name)?.[1] ?? 0));
  return Math.max(0, ...done) + 1;
}

/** @returns undefined at the signal */
async function commandText({ directory, signal }: CommandLoop, number: number): Promise<string | undefined> {
  const path = join(directory, `${number}.command.json`);
  while (!signal.aborted) {
    if (existsSync(path)) return readFileSync(path, 'utf8');
    await sleep(LOOK_MS);
  }
  return undefined;
}

async function answer({ run }: CommandLoop, text: string): Promise<{ result: CommandResult; isLast: boolean }> {
  try {
    const command = parseCommand(text);
    return { result: { ok: true, ...(await run(command)) }, isLast: command.command === 'stop' };
  } catch (error) {
    const { reason, message, metadata } = toCpnsError(error);
    return { result: { ok: false, reason, message, metadata }, isLast: false };
  }
}
