/**
 * "What bad input gets", the same of Service Groups and their keys: at the SMF, CSKMF, the KMC and the gateway, and at a
 * device, whose own store is looked at as well.
 */
import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { changesBetween, StoreWatch } from '../support/store-states';
import { PhaseRun, RECOVERY_MS, type Phase } from './phase';
import { sayRow, sayTable } from './report';
import { GROUP_ITEMS, type Outcome, type Row } from './row';
import { GROUP_CALLER_ROWS } from './rows/groups/calls';
import { CHANNEL_ROWS } from './rows/groups/channels';
import { DESCRIPTION_ROWS } from './rows/groups/descriptions';
import { CONTENT_ROWS } from './rows/groups/contents';
import { DELIVERY_ROWS } from './rows/groups/deliveries';
import { KEYLESS_ROWS } from './rows/groups/keyless';
import { KMC_ROWS } from './rows/groups/kmc-requests';
import { MEMBERSHIP_ROWS } from './rows/groups/memberships';
import {
  KMC_STOPPED_ROWS,
  SERVER_HUNG_GROUP_ROWS,
  SERVER_STOPPED_GROUP_ROWS,
  SMF_STOPPED_ROWS,
  STORE_STOPPED_GROUP_ROWS,
} from './rows/groups/outages';
import { PULL_ROWS } from './rows/groups/pulls';
import { agingGroup, hasRetired, RETIRED_ROWS } from './rows/groups/retired';
import { REVISION_ROWS } from './rows/groups/revisions';
import { GROUP_RPC_ROWS } from './rows/groups/rpcs';
import { GROUP_TRANSPORT_ROWS } from './rows/transport';
import { World } from './world';

const phase = (name: string, rows: readonly Row[]): Phase => ({ name, rows, comesToRest: true });

const PHASES: readonly Phase[] = [
  phase('group-ids, and groups that are not there', GROUP_RPC_ROWS),
  phase('descriptions and names', DESCRIPTION_ROWS),
  phase('memberships', [...KEYLESS_ROWS, ...MEMBERSHIP_ROWS]),
  phase('revisions', REVISION_ROWS),
  phase('requests of the KMC', KMC_ROWS),
  phase('pulls', PULL_ROWS),
  phase('channels', CHANNEL_ROWS),
  phase('callers', GROUP_CALLER_ROWS),
  phase('transport', GROUP_TRANSPORT_ROWS),
  phase('deliveries at a device', DELIVERY_ROWS),
  phase('contents at a device', CONTENT_ROWS),
];

interface Outage {
  readonly phase: Phase;
  /** Takes the dependency away, and brings it back. */
  readonly begin: (world: World) => unknown;
  readonly end: (world: World) => unknown;
}

const pid = ({ deployment }: World) => deployment.pid('cpns-server');

const OUTAGES: readonly Outage[] = [
  {
    phase: { name: 'the KMC is stopped', rows: KMC_STOPPED_ROWS },
    begin: async ({ deployment }) => {
      // with another process goes what it had in memory
      await deployment.restart('cpns-server');
      await deployment.stopService('kmc');
    },
    end: ({ deployment }) => deployment.restart('kmc'),
  },
  {
    phase: { name: 'the CPNS Server is stopped', rows: SERVER_STOPPED_GROUP_ROWS },
    begin: ({ deployment }) => deployment.stopService('cpns-server'),
    end: ({ deployment }) => deployment.restart('cpns-server'),
  },
  {
    phase: { name: 'the CPNS Server hangs', rows: SERVER_HUNG_GROUP_ROWS },
    begin: (world) => process.kill(pid(world), 'SIGSTOP'),
    end: (world) => process.kill(pid(world), 'SIGCONT'),
  },
  {
    phase: { name: 'the SMF is stopped', rows: SMF_STOPPED_ROWS },
    begin: ({ deployment }) => deployment.stopService('smf'),
    end: ({ deployment }) => deployment.restart('smf'),
  },
];

const ON_REDIS: Phase = phase('a version that has retired', RETIRED_ROWS);
const NO_STORE: Phase = { name: 'Redis is stopped', rows: STORE_STOPPED_GROUP_ROWS };
const DUE: readonly Row[] = [...PHASES, ...OUTAGES.map((outage) => outage.phase), ON_REDIS, NO_STORE].flatMap(
  ({ rows }) => rows,
);

const START_MS = 180_000;
const SERVICES = ['cpns-server', 'kmc', 'smf'] as const;
const GATEWAYS = [{ pn: 'pn1', id: 'gw1' }];
/** Versions after the first are made and never used, so that none retires, and nothing is destroyed while rows run. */
const NEVER_USED = { 'cpns-server': { CPNS_ACTIVATION_DELAY: '1d' } };

const outcomes: Outcome[] = [];
const titled = ({ rows }: Phase) => rows.map((row) => [`${row.id}, ${row.at}`, row] as const);

function record(outcome: Outcome): void {
  outcomes.push(outcome);
  sayRow(outcome);
}

let redis: RunningRedis;
let onRedis: World;

/** Started before all else: what is to retire there takes more than a minute. */
beforeAll(async () => {
  redis = await startRedis({ own: true, appendonly: true });
  onRedis = await World.start({ gateways: GATEWAYS, services: SERVICES, store: { redis: redis.url } });
  await agingGroup(onRedis);
}, START_MS);

afterAll(async () => {
  sayTable(DUE, outcomes);
  await onRedis.stop();
  await redis.stop();
});

describe('one deployment', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.start({ gateways: GATEWAYS, services: SERVICES, env: NEVER_USED });
  }, START_MS);
  afterAll(() => world.stop());

  describe.each(PHASES.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    let run: PhaseRun;
    beforeAll(async () => {
      run = new PhaseRun(world, one);
      await run.prepare();
      await run.begin();
    }, START_MS);

    test.each(titled(one))('%s', async (_title, row) => record(await run.refuse(row)));
    test('what was refused burnt nothing', async () => expect(await run.makeGood()).toEqual([]));
  });

  describe.each(OUTAGES.map((outage) => [outage.phase.name, outage] as const))('%s', (_name, outage) => {
    let run: PhaseRun;
    let isAway = false;
    const back = async () => {
      if (isAway) await outage.end(world);
      isAway = false;
    };
    beforeAll(async () => {
      run = new PhaseRun(world, outage.phase);
      await run.prepare();
      await world.rest();
      isAway = true;
      await outage.begin(world);
      await run.begin();
    }, START_MS);
    afterAll(back);

    test.each(titled(outage.phase))('%s', async (_title, row) => record(await run.refuse(row)));
    test('what was refused is accepted when it is back', async () => {
      await back();
      expect(await run.makeGood(RECOVERY_MS)).toEqual([]);
    });
  });
});

describe('a deployment on Redis', () => {
  describe(ON_REDIS.name, () => {
    let run: PhaseRun;
    beforeAll(async () => {
      await hasRetired(onRedis);
      run = new PhaseRun(onRedis, ON_REDIS);
      await run.prepare();
      await run.begin();
    }, START_MS);

    test.each(titled(ON_REDIS))('%s', async (_title, row) => record(await run.refuse(row)));
    test('what was refused burnt nothing', async () => expect(await run.makeGood()).toEqual([]));
  });

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

    test.each(titled(NO_STORE))('%s', async (_title, row) => void refused.push(await run.refuseUnseen(row)));

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
  test.each(GROUP_ITEMS.map((item) => [item]))('has a row for %s', (item) => {
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
