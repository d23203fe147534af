/** Programs of the project with every setting right, to be started as they are and with one setting changed. */
import { formatOneTimeString } from '@cpns/key-derivation';
import { mainOf, ManagedProcess, SERVER_SIDE, type App, type ServerSideService } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../support/wire';
import type { Token, World } from './world';

export type Environment = Readonly<Record<string, string>>;

/** One program and what it needs to start. */
export interface Program {
  readonly app: App;
  /** Of its own, with its files. */
  readonly directory: string;
  readonly env: Environment;
}

const READY_MS = 30_000;
/** sysexits.h, EX_CONFIG. */
const EXIT_CONFIGURATION = 78;

const isServerSide = (app: App): app is ServerSideService => (SERVER_SIDE as readonly string[]).includes(app);

function write(directory: string, name: string, content: string): string {
  const file = join(directory, name);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

/** Settings with which the program starts. */
export async function soundProgram(world: World, app: App, directory: string): Promise<Program> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const common = {
    CPNS_STORE: `embedded:${join(directory, 'store')}`,
    CPNS_MASTER_KEY_FILE: write(directory, 'master.key', randomBytes(32).toString('hex')),
  };
  if (isServerSide(app)) return { app, directory, env: { ...common, ...serverSide(world, app) } };
  const token =
    app === 'pn-gw' ? await world.admitGateway() : await world.admit({ form: 'secret', assigner: 'server' });
  const oneTime = { CPNS_ONE_TIME_STRING_FILE: write(directory, 'one-time-string', stringOf(token)) };
  const own: Environment =
    app === 'pn-gw'
      ? {
          CPNS_SERVER_ADDRESS: world.address('Server certificate'),
          CPNS_SMF_ADDRESS: world.address('SMF certificate'),
          CPNS_LISTEN: '127.0.0.1:0',
          CPNS_TOKEN_LISTEN: '127.0.0.1:0',
        }
      : { CPNS_UNTIL: 'assigned' };
  return { app, directory, env: { ...common, ...oneTime, ...own } };
}

const stringOf = ({ oneTime }: Token): string => formatOneTimeString(oneTime);

function serverSide(world: World, app: ServerSideService): Environment {
  const { pki, trustDomain } = world.deployment;
  const env = {
    CPNS_TRUST_DOMAIN: trustDomain,
    CPNS_ROOT_FILE: pki.root,
    CPNS_TLS_CHAIN_FILE: pki.services[app].chain,
    CPNS_TLS_KEY_FILE: pki.services[app].key,
    CPNS_ISSUING_CA_FILE: pki.issuingCa.certificate,
    CPNS_LISTEN: '127.0.0.1:0',
  };
  if (app === 'kmc') return env;
  if (app === 'smf') return { ...env, CPNS_SERVER_ADDRESS: world.address('Server certificate') };
  return {
    ...env,
    CPNS_KMC_ADDRESS: world.address('KMC certificate'),
    CPNS_TOKEN_LISTEN: '127.0.0.1:0',
    CPNS_ISSUING_CA_KEY_FILE: pki.issuingCa.key,
    CPNS_ENTITY_CA_FILE: pki.serverEntityCa.certificate,
    CPNS_ENTITY_CA_KEY_FILE: pki.serverEntityCa.key,
  };
}

const launch = ({ app, directory, env }: Program, log: string): Promise<ManagedProcess> =>
  ManagedProcess.start({ name: app, main: mainOf(app), env, logFile: join(directory, log) });

/** Starts a program, sees it ready, or a device done, and ends it. @throws Error with the end of its log */
export async function startsWell(program: Program): Promise<void> {
  if (program.app === 'pne') {
    const device = await launch(program, 'sound.log');
    const { code } = await device.exited;
    if (code !== 0) throw device.failure('failed');
    return;
  }
  const readyFile = join(program.directory, 'ready.json');
  const running = await launch({ ...program, env: { ...program.env, CPNS_READY_FILE: readyFile } }, 'sound.log');
  await running.waitForFile(readyFile, READY_MS);
  await running.stop();
}

/** The program's name, the setting, and what it must be: one line. */
const SENTENCE = /^[a-z-]+: (?:CONFIGURATION_INVALID: )?(CPNS_[A-Z_]+) [^\n]+[^.\n]\n$/;

/**
 * Starts a program with a store that is not there yet, and reads how it ends.
 * @throws Refusal CONFIGURATION_INVALID when it does so with code 78 and one sentence, and has made no store
 */
export async function refusesToStart({ app, directory, env }: Program, id: string): Promise<never> {
  const store = join(directory, `store-${id}`);
  const log = `${id}.log`;
  const startedAt = Date.now();
  const sound = env.CPNS_STORE?.startsWith('embedded:/') === true ? { CPNS_STORE: `embedded:${store}` } : {};
  const process = await launch({ app, directory, env: { ...env, ...sound } }, log);
  const { code } = await process.exited;
  const said = readFileSync(join(directory, log), 'utf8');
  const [, setting] = SENTENCE.exec(said) ?? [];
  if (code !== EXIT_CONFIGURATION || setting === undefined)
    throw new Error(`${app} ended with code ${code} and said: ${said}`);
  if (existsSync(store)) throw new Error(`${app} made a store before it looked at its settings`);
  throw new Refusal(
    'INVALID_ARGUMENT',
    'CONFIGURATION_INVALID',
    { field: setting },
    said.trim(),
    Date.now() - startedAt,
  );
}
