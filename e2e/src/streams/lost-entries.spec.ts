/**
 * What a gateway was told it knows, whatever its log went through: entries that a fail-over of Redis lost, and a gateway's
 * store that was put back or runs twice.
 */
import { waitUntil } from '@cpns/testing';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FailoverRedis } from './failover-redis';
import { assigning, GATEWAY, LET_IN, pulling, serving, WAIT_MS, World } from './world';

jest.setTimeout(300_000);

describe.each(['open', 'closed'] as const)('entries that a fail-over of Redis lost under an %s channel', (channel) => {
  let redis: FailoverRedis;
  const world = new World();
  beforeAll(async () => {
    redis = await FailoverRedis.start();
    await world.start(redis);
  });
  afterAll(async () => {
    await world.stop();
    await redis?.stop();
  });

  it('hide none of those that take their places', async () => {
    const { deployment } = world;
    const [lost, told, open] = [await world.admitted(3), await world.admitted(3), await world.admitted(1)];
    const [lostKeys, toldKeys, stays] = [await world.live(2), await world.live(2), await world.live(1)];
    await redis.fallBehind();
    await world.revokeAdmissions(lost);
    await world.revokeKeys(lostKeys);
    for (const device of lostKeys)
      await waitUntil('the end of a key', async () => (await pulling(device)) !== LET_IN, { withinMs: WAIT_MS });
    if (channel === 'closed') await deployment.stopService(GATEWAY);
    await redis.failOver();
    await waitUntil('the CPNS Server', () => serving(deployment, 'cpns-server'), { withinMs: WAIT_MS });
    await world.revokeAdmissions(told);
    await world.revokeKeys(toldKeys);
    if (channel === 'closed') await deployment.restart(GATEWAY);

    for (const device of toldKeys)
      await waitUntil('the end of a key', async () => (await pulling(device)) !== LET_IN, { withinMs: WAIT_MS });
    await world.told();
    for (const device of told) expect(await assigning(device)).toBe('TOKEN_REVOKED');
    for (const device of [...toldKeys, ...lostKeys]) expect(await pulling(device)).toMatch(/^KEY_/);
    expect(await assigning(open[0]!)).toBe('accepted');
    expect(await pulling(stays[0]!)).toBe(LET_IN);
  });
});

describe('a gateway’s store', () => {
  const world = new World();
  beforeAll(() => world.start());
  afterAll(() => world.stop());
  const directory = () => world.deployment.storeUrl(GATEWAY).replace('embedded:', '');
  const copy = () => join(world.deployment.directory, 'copy');
  const copyStopped = async () => {
    await world.deployment.stopService(GATEWAY);
    cpSync(directory(), copy(), { recursive: true });
    await world.deployment.restart(GATEWAY);
  };
  afterEach(() => rmSync(copy(), { recursive: true, force: true }));

  it('that was put back learns again what it was told since', async () => {
    const [ended, open] = [await world.admitted(3), await world.admitted(1)];
    const [keys, stays] = [await world.live(2), await world.live(1)];
    await copyStopped();
    await world.revokeAdmissions(ended);
    await world.revokeKeys(keys);
    await world.told();
    await world.deployment.stopService(GATEWAY);
    rmSync(directory(), { recursive: true });
    cpSync(copy(), directory(), { recursive: true });
    await world.deployment.restart(GATEWAY);

    await world.told();
    for (const device of ended) expect(await assigning(device)).toBe('TOKEN_REVOKED');
    for (const device of keys) expect(await pulling(device)).toMatch(/^KEY_/);
    expect(await assigning(open[0]!)).toBe('accepted');
    expect(await pulling(stays[0]!)).toBe(LET_IN);
  });

  it('that runs twice: the second is refused and serves nothing, the first goes on', async () => {
    const { deployment } = world;
    const [stays] = await world.live(1);
    await copyStopped();
    const clone = await deployment.addReplica(GATEWAY, { CPNS_STORE: `embedded:${copy()}` });
    await waitUntil('the refusal of the second', async () => !(await serving(deployment, clone)), { withinMs: 60_000 });
    const [ended] = await world.admitted(1);
    await world.revokeAdmissions([ended!]);
    await world.told();
    expect(await assigning(ended!)).toBe('TOKEN_REVOKED');
    expect(await pulling(stays!)).toBe(LET_IN);
    expect(await serving(deployment, GATEWAY)).toBe(true);
    await deployment.stopService(clone);
  });
});
