/**
 * "What bad input gets", one row and more for each item: the unaltered message is accepted by a running service, the
 * altered one refused with its own code and reason, and every store is as it was.
 */
import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { rmSync } from 'node:fs';
import { changesBetween, StoreWatch } from '../support/store-states';
import { PhaseRun, RECOVERY_MS, type Phase } from './phase';
import { sayRow, sayTable } from './report';
import { ITEMS, type Outcome, type Row } from './row';
import { CALLER_ROWS } from './rows/callers';
import { CERTIFICATE_ROWS } from './rows/certificates';
import { CSR_ROWS } from './rows/csrs';
import { SERVER_HUNG_ROWS, SERVER_STOPPED_ROWS, STORE_STOPPED_ROWS } from './rows/dependencies';
import { EXPIRED_SEED_ROWS, FIRST_SEED_ROWS } from './rows/first-seeds';
import { EXPIRED_KEY_ROW, FEW, GATEWAY_SEED_ROWS, SHORT, SHORT_KEY_MS } from './rows/gateway-limits';
import { ISSUER_ROWS } from './rows/issuers';
import { LIMIT_ROWS } from './rows/limits';
import { NAME_ROWS } from './rows/names';
import { PROOF_ROWS } from './rows/proofs';
import { REGISTRATION_ROWS } from './rows/registrations';
import { SETTING_ROWS, soundDirectories } from './rows/settings';
import { EXPIRED_TOKEN_ROWS, TOKEN_LIFE_ROWS } from './rows/token-lives';
import { TOKEN_ROWS } from './rows/tokens';
import { TRANSPORT_ROWS } from './rows/transport';
import { World } from './world';

const PHASES: readonly Phase[] = [
  { name: 'tokens', rows: [...TOKEN_ROWS, ...TOKEN_LIFE_ROWS] },
  { name: 'requests for a certificate', rows: CSR_ROWS },
  { name: 'names', rows: NAME_ROWS },
  { name: 'limits', rows: LIMIT_ROWS },
  { name: 'certificates', rows: [...CERTIFICATE_ROWS, ...ISSUER_ROWS] },
  { name: 'registrations', rows: [...REGISTRATION_ROWS, ...FIRST_SEED_ROWS] },
  { name: 'proofs', rows: PROOF_ROWS },
  { name: 'callers', rows: CALLER_ROWS },
  { name: 'transport', rows: TRANSPORT_ROWS },
  { name: 'what time has ended', rows: [...EXPIRED_TOKEN_ROWS, ...EXPIRED_SEED_ROWS, EXPIRED_KEY_ROW] },
  { name: 'settings', rows: SETTING_ROWS, together: true },
];
const STOPPED: Phase = { name: 'the CPNS Server is stopped', rows: [...SERVER_STOPPED_ROWS, ...GATEWAY_SEED_ROWS] };
const HUNG: Phase = { name: 'the CPNS Server hangs', rows: SERVER_HUNG_ROWS };
const NO_STORE: Phase = { name: 'Redis is stopped', rows: STORE_STOPPED_ROWS };
const DUE: readonly Row[] = [...PHASES, STOPPED, HUNG, NO_STORE].flatMap(({ rows }) => rows);

const START_MS = 120_000;
const outcomes: Outcome[] = [];
const titled = ({ rows }: Phase) => rows.map((row) => [`${row.id}, ${row.at}`, row] as const);

function record(outcome: Outcome): void {
  outcomes.push(outcome);
  sayRow(outcome);
}

afterAll(() => sayTable(DUE, outcomes));

describe('one deployment', () => {
  let world: World;
  const pid = () => world.deployment.pid('cpns-server');

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

  describe.each(PHASES.map((phase) => [phase.name, phase] as const))('%s', (_name, phase) => {
    let run: PhaseRun;
    beforeAll(async () => {
      run = new PhaseRun(world, phase);
      await run.prepare();
      await run.begin();
    }, START_MS);

    test.each(titled(phase))('%s', async (_title, row) => record(await run.refuse(row)));
    test('what was refused burnt nothing', async () => expect(await run.makeGood()).toEqual([]));
  });

  describe(STOPPED.name, () => {
    let run: PhaseRun;
    beforeAll(async () => {
      run = new PhaseRun(world, STOPPED);
      await run.prepare();
      await world.deployment.stopService('cpns-server');
      await run.begin();
    }, START_MS);

    test.each(titled(STOPPED))('%s', async (_title, row) => record(await run.refuse(row)));
    test('what was refused is accepted when it is back', async () => {
      await world.deployment.restart('cpns-server');
      expect(await run.makeGood(RECOVERY_MS)).toEqual([]);
    });
  });

  describe(HUNG.name, () => {
    let run: PhaseRun;
    beforeAll(async () => {
      run = new PhaseRun(world, HUNG);
      await run.prepare();
      process.kill(pid(), 'SIGSTOP');
      await run.begin();
    }, START_MS);
    afterAll(() => process.kill(pid(), 'SIGCONT'));

    test.each(titled(HUNG))('%s', async (_title, row) => record(await run.refuse(row)));
    test('what was refused is accepted when it goes on', async () => {
      process.kill(pid(), 'SIGCONT');
      expect(await run.makeGood(RECOVERY_MS)).toEqual([]);
    });
  });
});

describe('a deployment on Redis', () => {
  let redis: RunningRedis;
  let world: World;
  let run: PhaseRun;
  const refused: Outcome[] = [];

  beforeAll(async () => {
    redis = await startRedis({ own: true, appendonly: true });
    world = await World.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], store: { redis: redis.url } });
    run = new PhaseRun(world, NO_STORE);
    await run.prepare();
    await run.begin();
    await redis.kill();
  }, START_MS);

  afterAll(async () => {
    await world.stop();
    await redis.stop();
  });

  test.each(titled(NO_STORE))('%s', async (_title, row) => void refused.push(await run.refuseUnseen(row)));

  test('nothing is left of it in any store, and what was refused is accepted when Redis is back', async () => {
    await redis.restart();
    const { deployment } = world;
    const urls = Object.fromEntries(deployment.services.map((name) => [name, deployment.storeUrl(name)]));
    const after = await new StoreWatch(urls).settled();
    expect(changesBetween(run.before, after)).toEqual([]);
    refused.forEach(record);
    expect(await run.makeGood(RECOVERY_MS)).toEqual([]);
  });
});

describe('the table', () => {
  test.each(ITEMS.map((item) => [item]))('has a row for %s', (item) => {
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
