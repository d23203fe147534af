/**
 * "What bad input gets", at running services and at a device: one row for each kind at each port; the services' specs have
 * all of them. The unaltered message is accepted, the altered one refused with its own code and reason, and every store is as
 * it was.
 */
import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { SERVER_HUNG_ROWS, titled } from '@cpns/testing/bad-input';
import { changesBetween, StoreWatch } from '../support/store-states';
import { PhaseRun, RECOVERY_MS, type Phase } from './phase';
import { sayRow, sayTable } from './report';
import { GROUP_ITEMS, ITEMS, type Outcome, type Row } from './row';
import { ENTITY_KEY_ROWS, STORE_STOPPED_KEY_ROWS } from './rows/entity-user-keys';
import { CHANNEL_ROWS } from './rows/groups/channels';
import { CREATION_ROWS } from './rows/groups/creations';
import { DEVICE_ROWS } from './rows/groups/devices';
import { KEY_ROWS } from './rows/groups/keys';
import { MEMBERSHIP_ROWS } from './rows/groups/memberships';
import {
  agingGroup,
  hasRetired,
  KMC_STOPPED_ROWS,
  RETIRED_ROWS,
  SERVER_HUNG_GROUP_ROWS,
  SMF_STOPPED_ROWS,
  STORE_STOPPED_GROUP_ROWS,
} from './rows/groups/outages';
import { RPC_ROWS } from './rows/groups/rpcs';
import { SETTING_ROW } from './rows/setting';
import { World } from './world';

interface TriedPhase extends Phase {
  readonly begin?: (world: World) => unknown;
  readonly end?: (world: World) => unknown;
}
const phase = (name: string, ...rows: readonly Row[]): TriedPhase => ({ name, rows, comesToRest: true });
/** A dependency is taken away, and brought back. */
const outage = (
  name: string,
  rows: readonly Row[],
  begin: (world: World) => unknown,
  end: (world: World) => unknown,
): TriedPhase => ({ name, rows, begin, end });

const signal = (name: NodeJS.Signals) => (world: World) => process.kill(world.deployment.pid('cpns-server'), name);
const PHASES: readonly TriedPhase[] = [
  phase('Entity-User Keys', ...ENTITY_KEY_ROWS),
  phase('groups, their members and keys', ...RPC_ROWS, ...CREATION_ROWS, ...MEMBERSHIP_ROWS, ...KEY_ROWS),
  phase('channels', ...CHANNEL_ROWS),
  phase('at a device', ...DEVICE_ROWS),
  outage(
    'the KMC is stopped',
    KMC_STOPPED_ROWS,
    async ({ deployment }) => {
      // with another process goes what it had in memory
      await deployment.restart('cpns-server');
      await deployment.stopService('kmc');
    },
    ({ deployment }) => deployment.restart('kmc'),
  ),
  outage(
    'the CPNS Server hangs',
    [...SERVER_HUNG_ROWS, ...SERVER_HUNG_GROUP_ROWS],
    signal('SIGSTOP'),
    signal('SIGCONT'),
  ),
  outage(
    'the SMF is stopped',
    SMF_STOPPED_ROWS,
    ({ deployment }) => deployment.stopService('smf'),
    ({ deployment }) => deployment.restart('smf'),
  ),
  outage(
    'a setting is wrong',
    [SETTING_ROW],
    () => undefined,
    ({ deployment }) => deployment.restart('cpns-server'),
  ),
];
const ON_REDIS = phase('a version that has retired', ...RETIRED_ROWS);
const NO_STORE: Phase = { name: 'Redis is stopped', rows: [...STORE_STOPPED_KEY_ROWS, ...STORE_STOPPED_GROUP_ROWS] };
const DUE: readonly Row[] = [...PHASES, ON_REDIS, NO_STORE].flatMap(({ rows }) => rows);

const START_MS = 180_000;
/** Versions after the first are made and never used, so that none retires, and nothing is destroyed while rows run. */
const NEVER_USED = { 'cpns-server': { CPNS_ACTIVATION_DELAY: '1d' } };

const outcomes: Outcome[] = [];

function record(outcome: Outcome): void {
  outcomes.push(outcome);
  sayRow(outcome);
}

let redis: RunningRedis;
let onRedis: World;

/** Started before all else: what is to retire there takes more than a minute. */
beforeAll(async () => {
  redis = await startRedis({ own: true, appendonly: true });
  onRedis = await World.start({ store: { redis: redis.url } });
  await agingGroup(onRedis);
}, START_MS);

afterAll(async () => {
  sayTable(DUE, outcomes);
  await onRedis.stop();
  await redis.stop();
});

/** The rows of a phase, refused one after another, and what they could have spent. */
function describePhase(
  world: () => World,
  one: TriedPhase,
  before: () => Promise<void> = () => Promise.resolve(),
): void {
  describe(one.name, () => {
    let run: PhaseRun;
    let isAway = false;
    const back = async () => {
      if (isAway) await one.end?.(world());
      isAway = false;
    };
    beforeAll(async () => {
      await before();
      run = new PhaseRun(world(), one);
      await run.prepare();
      if (one.begin !== undefined) {
        await world().rest();
        isAway = true;
        await one.begin(world());
      }
      await run.begin();
    }, START_MS);
    afterAll(back);

    test.each(titled(one.rows))('%s', async (_title, row) => record(await run.refuse(row)));
    test('what was refused burnt nothing', async () => {
      await back();
      expect(await run.makeGood(one.end === undefined ? 0 : RECOVERY_MS)).toEqual([]);
    });
  });
}

describe('one deployment', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start({ env: NEVER_USED });
  }, START_MS);
  afterAll(() => world.stop());

  for (const one of PHASES) describePhase(() => world, one);
});

describe('a deployment on Redis', () => {
  describePhase(
    () => onRedis,
    ON_REDIS,
    () => hasRetired(onRedis),
  );

  describe(NO_STORE.name, () => {
    let run: PhaseRun;
    const refused: Outcome[] = [];

    beforeAll(async () => {
      run = new PhaseRun(onRedis, NO_STORE);
      await run.prepare();
      await onRedis.rest();
      await run.begin();
      await redis.kill();
    }, START_MS);

    test.each(titled(NO_STORE.rows))('%s', async (_title, row) => void refused.push(await run.refuseUnseen(row)));

    test('nothing is left of it in any store, and what was refused is accepted when Redis is back', async () => {
      await redis.restart();
      const { deployment } = onRedis;
      const urls = Object.fromEntries(deployment.services.map((name) => [name, deployment.storeUrl(name)]));
      const after = await new StoreWatch(urls).settled();
      expect(changesBetween(run.before, after)).toEqual([]);
      refused.forEach(record);
      expect(await run.makeGood(RECOVERY_MS)).toEqual([]);
    });
  });
});

describe('the table', () => {
  test.each([...ITEMS, ...GROUP_ITEMS].map((item) => [item]))('has a row for %s', (item) => {
    expect(DUE.map((row) => row.item)).toContain(item);
  });

  test('names each row once', () => {
    const names = DUE.map(({ id, at }) => `${id}, ${at}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test('was gone through to its end', () => {
    expect(outcomes.map(({ row }) => row.id).sort()).toEqual(DUE.map(({ id }) => id).sort());
  });
});
