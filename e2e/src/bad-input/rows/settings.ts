/** A wrong setting stops a program at its start, with one sentence that names it (issue, "Services"). */
import type { App } from '@cpns/testing';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refusesToStart, soundProgram, startsWell, type Environment, type Program } from '../programs';
import { row, type Row } from '../row';
import type { World } from '../world';

interface WrongSetting {
  readonly app: App;
  readonly what: string;
  /** The variable that the sentence has to name. */
  readonly variable: string;
  /** Its wrong value, `undefined` to leave it out; a function where that needs files. */
  readonly value: string | undefined | ((program: Program, world: World) => string);
}

const file = ({ directory }: Program, content: string): string => {
  const path = join(directory, `wrong-${randomUUID()}`);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

const WRONG: readonly WrongSetting[] = [
  { app: 'cpns-server', what: 'missing', variable: 'CPNS_TRUST_DOMAIN', value: undefined },
  { app: 'cpns-server', what: 'no trust domain', variable: 'CPNS_TRUST_DOMAIN', value: 'Not A Domain' },
  { app: 'cpns-server', what: 'of an unknown scheme', variable: 'CPNS_STORE', value: 'mysql://127.0.0.1' },
  { app: 'cpns-server', what: 'that is not there', variable: 'CPNS_ROOT_FILE', value: '/nowhere/root.pem' },
  {
    app: 'cpns-server',
    what: 'of the wrong service',
    variable: 'CPNS_TLS_CHAIN_FILE',
    value: (_program, { deployment }) => deployment.pki.services.kmc.chain,
  },
  {
    app: 'cpns-server',
    what: 'of another certificate',
    variable: 'CPNS_TLS_KEY_FILE',
    value: (_program, { deployment }) => deployment.pki.operator.key,
  },
  {
    app: 'cpns-server',
    what: 'of another authority',
    variable: 'CPNS_ENTITY_CA_KEY_FILE',
    value: (_program, { deployment }) => deployment.pki.issuingCa.key,
  },
  { app: 'cpns-server', what: 'without a port', variable: 'CPNS_LISTEN', value: '127.0.0.1' },
  { app: 'cpns-server', what: 'without a unit', variable: 'CPNS_KEY_LIFETIME', value: '90' },
  { app: 'cpns-server', what: 'of no entity', variable: 'CPNS_FIRST_SEED_MAX_ENTITIES', value: '0' },
  { app: 'cpns-server', what: 'misspelt', variable: 'CPNS_TRUST_DOMIAN', value: 'testbed.example' },
  {
    app: 'cpns-server',
    what: 'of the wrong length',
    variable: 'CPNS_MASTER_KEY_FILE',
    value: (program) => file(program, 'abcd'),
  },
  { app: 'kmc', what: 'of no level', variable: 'CPNS_LOG_LEVEL', value: 'loud' },
  { app: 'smf', what: 'missing', variable: 'CPNS_ISSUING_CA_FILE', value: undefined },
  { app: 'cpns-server', what: 'without a port', variable: 'CPNS_KMC_ADDRESS', value: '127.0.0.1' },
  { app: 'cpns-server', what: 'without a unit', variable: 'CPNS_ACTIVATION_DELAY', value: '30' },
  { app: 'smf', what: 'missing', variable: 'CPNS_SERVER_ADDRESS', value: undefined },
  { app: 'smf', what: 'without a port', variable: 'CPNS_KEY_LOCATION', value: 'localhost' },
  { app: 'pn-gw', what: 'missing', variable: 'CPNS_SMF_ADDRESS', value: undefined },
  { app: 'pn-gw', what: 'not embedded', variable: 'CPNS_STORE', value: 'redis://127.0.0.1' },
  { app: 'pn-gw', what: 'missing', variable: 'CPNS_SERVER_ADDRESS', value: undefined },
  {
    app: 'pn-gw',
    what: 'without a one-time string',
    variable: 'CPNS_ONE_TIME_STRING_FILE',
    value: (program) => file(program, 'cpns1.AAAA'),
  },
  { app: 'pne', what: 'of no stage', variable: 'CPNS_UNTIL', value: 'sometime' },
];

/** Each program is started once with everything right. */
const sound = new Map<App, Promise<Program>>();

function soundly(world: World, app: App): Promise<Program> {
  const known = sound.get(app);
  if (known !== undefined) return known;
  const start = async () => {
    const program = await soundProgram(world, app, mkdtempSync(join(tmpdir(), `cpns-${app}-`)));
    await startsWell(program);
    return program;
  };
  const program = start();
  sound.set(app, program);
  return program;
}

/** The directories that were made. */
export async function soundDirectories(): Promise<string[]> {
  return (await Promise.all(sound.values())).map(({ directory }) => directory);
}

interface Starting {
  readonly world: World;
  program?: Program;
}

function changed({ env }: Program, variable: string, value: string | undefined): Environment {
  const others = Object.entries(env).filter(([name]) => name !== variable);
  return Object.fromEntries(value === undefined ? others : [...others, [variable, value]]);
}

export const SETTING_ROWS: readonly Row[] = WRONG.map(({ app, what, variable, value }, index) =>
  row<Starting>({
    id: `${variable} ${what} (${app})`,
    item: 'a wrong setting',
    clause: 'issue, Services',
    at: 'start',
    expect: { code: 'INVALID_ARGUMENT', reason: 'CONFIGURATION_INVALID', field: variable },
    arrange: (world) => Promise.resolve({ world }),
    good: async (starting) => {
      starting.program = await soundly(starting.world, app);
    },
    bad: ({ world, program }) => {
      if (program === undefined) throw new Error('the program was not started');
      const wrong = typeof value === 'function' ? value(program, world) : value;
      return refusesToStart({ ...program, env: changed(program, variable, wrong) }, String(index));
    },
  }),
);
