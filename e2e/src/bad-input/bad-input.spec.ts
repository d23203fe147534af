/**
 * "What bad input gets", at running services and at a device: one row for each kind at each port; the services' specs have
 * all of them. The unaltered message is accepted, the altered one refused with its own code and reason, and every store is as
 * it was.
 */
import { startRedis, type RunningRedis } from '@cpns/store/testing';
import * as keys from '@cpns/testing/bad-input';
import { ITEMS } from './items';
import { describePhase, describeWorld, NEVER_USED, START_MS, type Phase, type Row } from './phase';
import { CHANNEL_ROWS } from './rows/groups/channels';
import { CHANGE_ROWS } from './rows/groups/changes';
import { DEVICE_ROWS } from './rows/groups/devices';
import { KEY_ROWS } from './rows/groups/keys';
import * as outages from './rows/groups/outages';
import { RPC_ROWS } from './rows/groups/rpcs';
import { SETTING_ROW } from './rows/setting';
import { TRANSPORT_ROWS } from './rows/transport';
import { World } from './world';

let redis: RunningRedis;

/** What the services' specs try in process: here one for each kind of bad input at each port. */
const ENTITY_USER_KEY_ROWS = keys.onePerPair<Row>([
  ...TRANSPORT_ROWS,
  ...[keys.TOKEN_ROWS, keys.CSR_ROWS, keys.NAME_ROWS, keys.CERTIFICATE_ROWS].flat(),
  ...[keys.REGISTRATION_ROWS, keys.PROOF_ROWS, keys.CALLER_ROWS].flat(),
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
  },
];
const DUE: readonly Row[] = [...PHASES, ...ON_REDIS].flatMap(({ rows }) => rows);

let onRedis: World;

/** Started before all else: what is to retire there takes more than a minute. */
beforeAll(async () => {
  redis = await startRedis({ own: true, appendonly: true });
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
