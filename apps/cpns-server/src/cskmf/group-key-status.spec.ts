/** GetGroupKeyStatus: what an entity is given, whom each version is for, and which gateways have not acknowledged it. */
import { perTest } from '@cpns/core/testing';
import { CLAIM, ClaimedLog } from '@cpns/delivery';
import { at, Records } from '@cpns/store';
import { GatewayLog } from '../gateway-log/gateway-log';
import { gateway, GW, GW2, pne, PUSH, World } from '../testing/world';

const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d', 'pn2')];
const [SECOND, ENDED] = [gateway('second'), gateway('ended')];

describe('the status of a group', () => {
  const world = perTest(new World({ entities: [A, B, C, D], gateways: [GW, SECOND, GW2], activationDelay: 5_000 }));
  beforeEach(async () => {
    await world.enrol(ENDED, 'revoked');
    for (const to of [GW, SECOND, GW2]) await connect(to);
  });

  /** The gateway has acknowledged its first snapshot, and what is in its log. */
  const connect = async (to: string, life = '1') => {
    const { module } = world.server;
    const log = module.get(GatewayLog).of(to);
    const claimed = new ClaimedLog(module.get(Records), log, world.clock);
    const token = await claimed.claim({ processId: Buffer.alloc(16, 1), fingerprint: Buffer.alloc(32) }, true);
    if (typeof token === 'number') throw new Error('another has the log');
    const { last, lastId } = await log.read(0n, 1);
    const head = { life, snapshotAt: world.clock.now(), incarnation: '', overflowed: false };
    await claimed.acknowledge(token, { sequence: last, entryId: lastId }, head);
    await claimed.release(token);
    expect(
      (await module.get(Records).read(log.aggregate, { claim: at(CLAIM, `claim.${log.log}`) })).claim,
    ).toBeUndefined();
  };

  const given = async (entity: string) => (await world.server.ask({ entity })).given;
  /** Of each version: recipients, gateways that have acknowledged it, and those that have not. */
  const counted = async () => {
    const { status } = await world.server.ask({ withRecipients: true });
    return status.versions.map(({ recipients, acknowledged, waiting }) => [recipients, acknowledged, waiting]);
  };

  it('says what an entity is given, as long as it has a live key, in the life in which it joined', async () => {
    await world.server.create([A, B]);
    await world.server.update(2n, [C], [B]);
    expect([await given(A), await given(B), await given(C), await given(D)]).toEqual([[1n, 2n], [1n], [2n], []]);
    await world.setKey(A, { state: 'revoked' });
    expect(await given(A)).toEqual([]);
    world.clock.advance(60_000);
    expect([await given(B), await given(C)]).toEqual([[], [2n]]);
  });

  it('says when each version was made', async () => {
    await world.server.create([A]);
    const first = BigInt(world.clock.now());
    world.clock.advance(1_000);
    await world.server.rotate();
    expect((await world.server.status()).versions.map(({ madeAt }) => madeAt)).toEqual([first, first + 1_000n]);
  });

  it('counts the recipients of each version in use, and names who has not acknowledged it', async () => {
    await world.server.create([A, B, D], PUSH);
    // nothing is in the gateways' logs yet
    expect(await counted()).toEqual([[3, 0, [GW, SECOND, GW2]]]);
    await world.server.push();
    expect(await counted()).toEqual([[3, 0, [GW, SECOND, GW2]]]);
    await connect(SECOND);
    expect(await counted()).toEqual([[3, 1, [GW, GW2]]]);
    for (const to of [GW, GW2]) await connect(to);
    await world.server.update(2n, [C], [D]);
    await world.server.push();
    await connect(GW);
    expect(await counted()).toEqual([
      [3, 3, []],
      [3, 1, [SECOND]],
    ]);
    world.clock.advance(60_000);
    expect((await counted())[0]).toEqual([0, 0, []]);
  });

  it('waits again for a version that is pushed again', async () => {
    await world.server.create([A], { ...PUSH, joinKeepsVersion: true });
    await world.server.push();
    for (const to of [GW, SECOND]) await connect(to);
    expect(await counted()).toEqual([[1, 2, []]]);
    await world.server.update(2n, [B], []);
    await world.server.push();
    expect(await counted()).toEqual([[2, 0, [GW, SECOND]]]);
  });

  it('waits for a gateway that has a snapshot to come', async () => {
    await world.server.create([A], PUSH);
    await world.server.push();
    for (const to of [GW, SECOND]) await connect(to);
    await connect(SECOND, '2');
    expect(await counted()).toEqual([[1, 1, [SECOND]]]);
  });

  it('of a group that pulls counts recipients alone', async () => {
    await world.server.create([A, B, D]);
    expect(await counted()).toEqual([[3, 0, []]]);
  });

  it('names 100 waiting gateways at most', async () => {
    for (let n = 0; n < 120; n++) await world.enrol(gateway(`g${n}`));
    await world.server.create([A], PUSH);
    await world.server.push();
    const [[recipients, acknowledged, waiting] = []] = await counted();
    expect([recipients, acknowledged, (waiting as string[]).length]).toEqual([1, 0, 100]);
  });
});
