/**
 * "What bad input gets", one row and more for each item: the unaltered message is accepted by a running service, the
 * altered one refused with its own code and reason, and every store is as it was.
 */
import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { rmSync } from 'node:fs';
import { changesBetween, StoreWatch, type StoreState } from '../support/store-states';
import { exchangeOf, prepareAll, recovers, refuse, refuseInOutage, type Phase, type Prepared } from './phase';
import { sayRow, sayTable } from './report';
import { ITEMS, type Outcome, type Row } from './row';
import { CALLER_ROWS } from './rows/callers';
import { CERTIFICATE_ROWS } from './rows/certificates';
import { CSR_ROWS } from './rows/csrs';
import { SERVER_HUNG_ROWS, SERVER_STOPPED_ROWS, STORE_STOPPED_ROWS } from './rows/dependencies';
import { EXPIRED_KEY_ROW, FEW, GATEWAY_SEED_ROWS, SHORT, SHORT_KEY_MS } from './rows/gateway-limits';
import { LIMIT_ROWS } from './rows/limits';
import { NAME_ROWS } from './rows/names';
import { PROOF_ROWS } from './rows/proofs';
import { REGISTRATION_ROWS } from './rows/registrations';
import { SETTING_ROWS, soundDirectories } from './rows/settings';
import { TOKEN_ROWS } from './rows/tokens';
import { TRANSPORT_ROWS } from './rows/transport';
import { World } from './world';

const PHASES: readonly Phase[] = [
  { name: 'tokens', rows: TOKEN_ROWS },
  { name: 'requests for a certificate', rows: CSR_ROWS },
  { name: 'names', rows: NAME_ROWS },
  { name: 'limits', rows: LIMIT_ROWS },
  { name: 'certificates', rows: CERTIFICATE_ROWS },
  { name: 'registrations', rows: REGISTRATION_ROWS },
  { name: 'proofs', rows: [...PROOF_ROWS, EXPIRED_KEY_ROW] },
  { name: 'callers', rows: CALLER_ROWS },
  { name: 'transport', rows: TRANSPORT_ROWS },
  { name: 'settings', rows: SETTING_ROWS },
];
const STOPPED_ROWS = [...SERVER_STOPPED_ROWS, ...GATEWAY_SEED_ROWS];
const DUE: readonly Row[] = [
  ...PHASES.flatMap(({ rows }) => rows),
  ...STOPPED_ROWS,
  ...SERVER_HUNG_ROWS,
  ...STORE_STOPPED_ROWS,
];

const START_MS = 60_000;
const outcomes: Outcome[] = [];
const titled = (rows: readonly Row[]) => rows.map((row) => [`${row.id}, ${row.at}`, row] as const);

function record(outcome: Outcome): void {
  outcomes.push(outcome);
  sayRow(outcome);
}

afterAll(() => sayTable(DUE, outcomes));

describe('one deployment', () => {
  let world: World;

  beforeAll(async () => {
    const gateways = [{ pn: 'pn1', id: 'gw1' }, FEW, SHORT];
    const still = { CPNS_PROVISIONING_INTERVAL: '1h' };
    const env = {
      [`${FEW.pn}/${FEW.id}`]: still,
      [`${SHORT.pn}/${SHORT.id}`]: { ...still, CPNS_KEY_LIFETIME: `${SHORT_KEY_MS}ms` },
    };
    world = await World.start({ gateways, env });
  }, START_MS);

  afterAll(async () => {
    await world.stop();
    for (const directory of await soundDirectories()) rmSync(directory, { recursive: true, force: true });
  });

  describe.each(PHASES.map((phase) => [phase.name, phase] as const))('%s', (_name, { rows }) => {
    let prepared: Map<Row, Prepared>;
    beforeAll(async () => (prepared = await prepareAll(world, rows)), START_MS);

    test.each(titled(rows))('%s', async (_title, row) => {
      const exchange = exchangeOf(prepared, row);
      const outcome = await refuse(world.stores, row, exchange);
      await exchange.after();
      record(outcome);
    });
  });

  describe('the CPNS Server is stopped', () => {
    let prepared: Map<Row, Prepared>;
    beforeAll(async () => {
      prepared = await prepareAll(world, STOPPED_ROWS);
      await world.deployment.stopService('cpns-server');
    }, START_MS);

    test.each(titled(STOPPED_ROWS))('%s', async (_title, row) => {
      record(await refuse(world.stores, row, exchangeOf(prepared, row)));
    });

    test('what was refused is accepted when it is back', async () => {
      await world.deployment.restart('cpns-server');
      for (const row of STOPPED_ROWS) await recovers(exchangeOf(prepared, row));
    });
  });

  describe('the CPNS Server hangs', () => {
    let prepared: Map<Row, Prepared>;
    beforeAll(async () => {
      prepared = await prepareAll(world, SERVER_HUNG_ROWS);
      process.kill(world.deployment.pid('cpns-server'), 'SIGSTOP');
    }, START_MS);
    afterAll(() => process.kill(world.deployment.pid('cpns-server'), 'SIGCONT'));

    test.each(titled(SERVER_HUNG_ROWS))('%s', async (_title, row) => {
      record(await refuse(world.stores, row, exchangeOf(prepared, row)));
    });

    test('what was refused is accepted when it goes on', async () => {
      process.kill(world.deployment.pid('cpns-server'), 'SIGCONT');
      for (const row of SERVER_HUNG_ROWS) await recovers(exchangeOf(prepared, row));
    });
  });
});

describe('a deployment on Redis', () => {
  let redis: RunningRedis;
  let world: World;
  let prepared: Map<Row, Prepared>;
  let before: StoreState;
  const refused: Outcome[] = [];

  beforeAll(async () => {
    redis = await startRedis({ own: true, appendonly: true });
    world = await World.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], store: { redis: redis.url } });
    prepared = await prepareAll(world, STORE_STOPPED_ROWS);
    before = await world.stores.settled();
    await redis.kill();
  }, START_MS);

  afterAll(async () => {
    await world.stop();
    await redis.stop();
  });

  test.each(titled(STORE_STOPPED_ROWS))('%s', async (_title, row) => {
    refused.push(await refuseInOutage(row, exchangeOf(prepared, row), before));
  });

  test('nothing is left of it in any store, and what was refused is accepted when Redis is back', async () => {
    await redis.restart();
    const stores = await StoreWatch.open({
      'cpns-server': world.deployment.storeUrl('cpns-server'),
      'pn1/gw1': world.deployment.storeUrl('pn1/gw1'),
    });
    const after = await stores.settled().finally(() => stores.close());
    expect(changesBetween(before, after)).toEqual([]);
    for (const outcome of refused) record(outcome);
    for (const row of STORE_STOPPED_ROWS) await recovers(exchangeOf(prepared, row));
  });
});

describe('the table', () => {
  test.each(ITEMS.map((item) => [item]))('has a row for %s', (item) => {
    expect(DUE.map((row) => row.item)).toContain(item);
  });

  test('names each row once', () => {
    const names = titled(DUE).map(([title]) => title);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test('was gone through to its end', () => {
    expect(outcomes.map(({ row }) => row.id).sort()).toEqual(DUE.map(({ id }) => id).sort());
  });
});
