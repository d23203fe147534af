/** A wrong setting stops a program at its start, with one sentence that names it: the services' specs have all of them. */
import { Refusal, row, type Shown } from '@cpns/testing/bad-input';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../world';

const SERVER = 'cpns-server';
/** sysexits.h, EX_CONFIG. */
const ENDED = 'ended with exit code 78.';
/** The program's name, the setting, and what it must be: one line. */
const SENTENCE = /^[a-z-]+: (?:CONFIGURATION_INVALID: )?(CPNS_[A-Z_]+) [^\n]+[^.\n]\n$/m;

/** Starts the CPNS Server on a store that is not there yet, and reads how it ends. @throws Refusal */
async function refusesToStart({ deployment }: World): Promise<never> {
  const store = join(deployment.directory, 'no-store');
  const CPNS_MASTER_KEY_FILE = join(deployment.directory, 'short.key');
  writeFileSync(CPNS_MASTER_KEY_FILE, 'abcd', { mode: 0o600 });
  const logged = readFileSync(deployment.logFile(SERVER)).length;
  const env = { CPNS_MASTER_KEY_FILE, CPNS_STORE: `embedded:${store}` };
  const ended = await deployment.restart(SERVER, env).then(String, String);
  const said = readFileSync(deployment.logFile(SERVER)).subarray(logged).toString();
  const [, field] = SENTENCE.exec(said) ?? [];
  if (!ended.includes(ENDED) || field === undefined) throw new Error(`the CPNS Server ended otherwise: ${ended}`);
  if (existsSync(store)) throw new Error('the CPNS Server made a store before it looked at its settings');
  throw new Refusal('INVALID_ARGUMENT', 'CONFIGURATION_INVALID', { field }, said);
}

/** The running Server is the one with everything right; it is stopped before the row. */
const ID = 'CPNS_MASTER_KEY_FILE of the wrong length (cpns-server)';
const SHOWN: Shown = [ID, 'a wrong setting', 'CONFIGURATION_INVALID CPNS_MASTER_KEY_FILE'];
export const SETTING_ROW = row<World>(SHOWN, 'start', (world) => ({
  good: () => world.operator.enrolment.listGateways({ pageSize: 1, pageToken: '' }),
  bad: () => refusesToStart(world),
}));
