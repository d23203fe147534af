/**
 * A wrong setting stops a program at its start, with one sentence that names it: the services' specs have all of them.
 *
 * "What bad input gets", at running services and at a device: one row for each kind at each port; the services' specs have
 * all of them. The unaltered message is accepted, the altered one refused with its own code and reason, and every store is as
 * it was.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningRedis, startRedis } from '@cpns/store/testing';
import * as keys from '@cpns/testing/bad-input';
import { Refusal, row, type Shown } from '@cpns/testing/bad-input';
import { describePhase, describeWorld, NEVER_USED, type Phase, type Row, START_MS } from './phase';
import { CHANGE_ROWS } from './rows/groups/changes';
import { CHANNEL_ROWS } from './rows/groups/channels';
import { DEVICE_ROWS } from './rows/groups/devices';
import { KEY_ROWS } from './rows/groups/keys';
import * as outages from './rows/groups/outages';
import { RPC_ROWS } from './rows/groups/rpcs';
import { TRANSPORT_ROWS } from './rows/transport';
import { World } from './world';

/** What issue and specification list as bad input: each of them needs a row. */
const OF_ENTITY_USER_KEYS = `a CSR that is not DER; a CSR with a broken signature; a CSR with a weak key;
  a CSR with trailing bytes; a SAN of another PN; two SANs; no SAN; a DNS SAN; a user-info trick; a path trick;
  an id that is empty; an id that is over-long; an id outside its pattern;
  a token that is unknown; a token that is used; a token that is expired; a token for another entity;
  a token for another user; a token for the other assigner; a token with a wrong MAC; a token with a swapped key;
  a token that is revoked; a proof that is replayed; a proof that is stale; a proof from the future;
  a proof for another method; a proof for another audience; a proof for another body; a wrong second seed;
  a first seed that is spent; a first seed that is expired; a first seed of another PN; a first seed that is unknown;
  a first seed that is revoked; a registration over a live key; a target entity’s certificate above its role;
  a gateway CA’s certificate above its role; a revoked token registering again; a spent token registering again;
  a gateway CA’s certificate for an entity that the Server assigns; a caller of the wrong role;
  a caller of the wrong trust domain; a message over the limit; plaintext; TLS 1.2; a dependency that is down;
  a wrong setting; an entity’s own proof that is missing; an entity’s own proof that is foreign;
  an entity’s own proof that is stale; an entity’s own proof that is replayed; an entity’s own proof that is overtaken;
  an entity’s own proof for another audience; an entity’s own proof for another method;
  an entity’s own proof for another body; a credential that is not the live one; a relay that is not named; a relay that is revoked;
  a relay that is of another PN`;
const OF_SERVICE_GROUPS = `a malformed description; a malformed message; a member without a registered key;
  a stranger removed; an unknown group; a deleted group; a group-id that is taken; a group over its limit;
  an entity named twice; a closed group joined; a removed member joining again; a pull by whom the group is not for;
  a pull for another PN; a version before joining; a version after leaving; a version that has retired;
  a version that was never made; a revision from the future; a revision repeated with other content;
  a request id used for something else; an acknowledgement from the future; a channel opened out of order;
  a forged statement; an altered statement; a replayed or lower statement; a wrong GKC;
  an envelope for another version; an envelope for another member; an envelope for another group;
  an altered envelope; content with a changed header; altered content; a replayed message; a message of another group`;

const ITEMS = [OF_ENTITY_USER_KEYS, OF_SERVICE_GROUPS].flatMap((text) => text.split(/;\s+/));

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
const SETTING_ROW = row<World>(SHOWN, 'start', (world) => ({
  good: () => world.operator.enrolment.listGateways({ pageSize: 1, pageToken: '' }),
  bad: () => refusesToStart(world),
}));

let redis: RunningRedis;

/** What the services' specs try in process: here one for each kind of bad input at each port. */
const ENTITY_USER_KEY_ROWS = keys.onePerPair<Row>([
  ...TRANSPORT_ROWS,
  ...[keys.TOKEN_ROWS, keys.CSR_ROWS, keys.NAME_ROWS, keys.CERTIFICATE_ROWS].flat(),
  ...[keys.REGISTRATION_ROWS, keys.PROOF_ROWS, keys.CALLER_ROWS, keys.ENTITY_PROOF_ROWS].flat(),
  ...keys.LIVE_CREDENTIAL_ROWS,
]);
const atServer = (rows: readonly Row[]) => keys.onePerPair(rows.filter(({ at }) => at.startsWith('Server')));

const signal = (name: NodeJS.Signals) => (world: World) => process.kill(world.deployment.pid('cpns-server'), name);
const restart = (service: string) => (world: World) => world.deployment.restart(service);
const PHASES: readonly Phase[] = [
  { name: 'Entity-User Keys', rows: ENTITY_USER_KEY_ROWS },
  { name: 'groups, their members and keys', rows: [...RPC_ROWS, ...CHANGE_ROWS, ...KEY_ROWS] },
  { name: 'channels', rows: CHANNEL_ROWS },
  { name: 'at a device', rows: DEVICE_ROWS },
  {
    name: 'the KMC is stopped',
    rows: outages.KMC_STOPPED_ROWS,
    begin: async ({ deployment }) => {
      // with another process goes what it had in memory
      await deployment.restart('cpns-server');
      await deployment.stopService('kmc');
    },
    end: restart('kmc'),
  },
  {
    name: 'the CPNS Server hangs',
    rows: [...keys.SERVER_HUNG_ROWS, ...outages.SERVER_HUNG_GROUP_ROWS],
    begin: signal('SIGSTOP'),
    end: signal('SIGCONT'),
  },
  {
    name: 'the SMF is stopped',
    rows: outages.SMF_STOPPED_ROWS,
    begin: ({ deployment }) => deployment.stopService('smf'),
    end: restart('smf'),
  },
  { name: 'a setting is wrong', rows: [SETTING_ROW], begin: () => undefined, end: restart('cpns-server') },
];
const ON_REDIS: readonly Phase[] = [
  { name: 'a version that has retired', rows: outages.RETIRED_ROWS },
  {
    name: 'Redis is stopped',
    rows: [...atServer(keys.STORE_STOPPED_ROWS), ...outages.STORE_STOPPED_GROUP_ROWS],
    begin: () => redis.kill(),
    end: () => redis.restart(),
    isUnseen: true,
    // Redis may have lost writes: the gateway is told everything anew
    brings: /^pn1\/gw1 | log-head\.[a-z]+ was changed$/,
  },
];
const DUE: readonly Row[] = [...PHASES, ...ON_REDIS].flatMap(({ rows }) => rows);

let onRedis: World;

/** Started before all else: what is to retire there takes more than a minute. */
beforeAll(async () => {
  redis = await startRedis({ appendonly: true });
  onRedis = await World.start({ store: { redis: redis.url } });
  await outages.agingGroup(onRedis);
}, START_MS);

afterAll(async () => {
  await onRedis.stop();
  await redis.stop();
});

describeWorld('one deployment', NEVER_USED, PHASES);

describe('a deployment on Redis', () => {
  for (const phase of ON_REDIS) describePhase(() => onRedis, phase);
});

describe('the table', () => {
  it('has a row for each item, and none for another', () => {
    expect([...new Set(DUE.map(({ item }) => item))].sort()).toEqual([...ITEMS].sort());
  });

  it('names each row once', () => {
    const names = DUE.map(({ id, at }) => `${id}, ${at}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
