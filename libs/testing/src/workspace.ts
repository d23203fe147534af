import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The same from `src/`, where tests run, and from `dist/`. */
const ROOT = join(__dirname, '..', '..', '..');

/** The collector of traces that docker-compose.yml runs beside the services. */
export const TRACES_PROGRAM = join(ROOT, 'deploy', 'compose', 'traces.mjs');

/** The programs of the workspace that the testbed starts. */
export type App = 'cpns-server' | 'kmc' | 'smf' | 'pn-gw' | 'pne';

function built(...path: readonly string[]): string {
  const file = join(ROOT, ...path);
  if (!existsSync(file)) throw new Error(`${join(...path)} is not there: build the workspace first`);
  return file;
}

/** What `nx build` and `nx bundle` make of a program. Faults wrap the store's modules, which only the first has. */
const FORMS = ['dist', 'bundle'] as const;
const FORM_VARIABLE = 'TESTBED_PROGRAMS';

function formOfPrograms(): (typeof FORMS)[number] {
  const { [FORM_VARIABLE]: named = FORMS[0] } = process.env;
  const form = FORMS.find((each) => each === named);
  if (form === undefined) throw new Error(`${FORM_VARIABLE} is ${FORMS.join(' or ')}, not ${named}`);
  return form;
}

/** @throws Error when the program is not built */
export const mainOf = (app: App | 'cpnsctl'): string => built('apps', app, formOfPrograms(), 'main.js');

/** What ends a child whose starter is gone. @throws Error when libs/testing is not built */
export const guardFile = (): string => built('libs', 'testing', 'dist', 'guard.js');

/** What lets a process die at a commit. @throws Error when libs/testing is not built */
export const preloadFile = (): string => built('libs', 'testing', 'dist', 'faults', 'preload.js');
