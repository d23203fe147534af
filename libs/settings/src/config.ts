import { CpnsError } from '@cpns/core';
import { z } from 'zod';

/** The settings of a service: each name in camel case, its value a piece of `settings` or another zod type of a string. */
export type Settings = Readonly<Record<string, z.ZodType>>;

/** What {@link loadConfig} makes of settings. */
export type Config<S extends Settings> = { readonly [K in keyof S]: z.output<S[K]> };

export type Environment = Readonly<Record<string, string | undefined>>;

/** sysexits.h EX_CONFIG: something is wrong with the configuration, trying again will not help. */
export const EXIT_CONFIGURATION = 78;

const PREFIX = 'CPNS_';

/** `tlsCert` is read from `CPNS_TLS_CERT`. */
export const variableOf = (setting: string): string =>
  PREFIX + setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

const invalid = (variable: string, problem: string) =>
  new CpnsError('CONFIGURATION_INVALID', `${variable} ${problem}`, { metadata: { setting: variable } });

/** How many single-character edits apart: to tell which setting a misspelt one was meant to be. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [line, letter] of [...a].entries()) {
    const next = [line + 1];
    for (const [column, other] of [...b].entries()) {
      const [left, above, diagonal] = [next[column], row[column + 1], row[column]] as [number, number, number];
      next.push(Math.min(left + 1, above + 1, diagonal + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function refuseUnknown(known: ReadonlyMap<string, string>, env: Environment): void {
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith(PREFIX) || known.has(variable) || env[variable] === undefined) continue;
    const [nearest] = [...known.keys()]
      .map((name) => ({ name, apart: distance(variable, name) }))
      .sort((a, b) => a.apart - b.apart);
    const hint = nearest !== undefined && nearest.apart <= 3 ? `; did you mean ${nearest.name}?` : '';
    throw invalid(variable, `is not a setting of this service${hint}`);
  }
}

/**
 * Reads every setting from its `CPNS_*` variable. An empty variable counts as absent.
 * @throws CpnsError CONFIGURATION_INVALID for the first setting that is wrong, missing or unknown; its message is one
 *   sentence that names the variable and what it must be, and never the value, which may be a secret
 */
export function loadConfig<S extends Settings>(settings: S, env: Environment): Config<S> {
  const known = new Map(Object.keys(settings).map((name) => [variableOf(name), name]));
  refuseUnknown(known, env);
  const given: Record<string, string> = {};
  for (const [variable, name] of known) {
    const value = env[variable];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const result = z.object(settings).safeParse(given);
  if (result.success) return result.data as Config<S>;
  const [issue] = result.error.issues;
  throw invalid(variableOf(String(issue?.path[0])), issue?.message ?? 'is wrong');
}
