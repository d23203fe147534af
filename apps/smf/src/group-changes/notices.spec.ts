import { perTest } from '@cpns/core/testing';
import { ClaimedLog, OUTBOX } from '@cpns/delivery';
import { Records } from '@cpns/store';
import { dump } from '@cpns/store/testing';
import { gatewayOf, pne, PUSH, type Replica, World } from '../testing/world';
import { groupAggregate } from './groups';

jest.setTimeout(30_000);

const [GW1, GW1B, GW2, GW3] = [gatewayOf('pn1'), gatewayOf('pn1', 2), gatewayOf('pn2'), gatewayOf('pn3')];
const [ANN, BOB, EVE] = [pne(1, 'pn1'), pne(2, 'pn2'), pne(3, 'pn1')];
const PN1 = { kind: 'pn', id: 'pn1' };
const CLAIMANT = { processId: Buffer.alloc(16), fingerprint: Buffer.alloc(32) };
const TOLD_ALL = { life: '1', snapshotAt: 0, incarnation: '', overflowed: false };

describe('notices', () => {
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(async () => {
    ({ smf } = world);
    for (const gateway of [GW1, GW2, GW3]) await smf.introduce(gateway);
  });

  const acknowledge = (gateway: string, upTo: bigint) => world.noticeLog(gateway).trim(upTo);

  it('tell each gateway of its own members, of the key and where it is, and no other gateway anything', async () => {
    await smf.create([ANN, BOB, EVE], { delivery: PUSH });
    await world.rest();
    const only = { part: 0, more: false };
    const common = {
      membershipRevision: 1n,
      keyVersion: 1n,
      keyLocation: 'server.example:7400',
      deleted: false,
      ...only,
    };
    const description = {
      groupId: 'g1',
      displayName: 'a group',
      delivery: PUSH,
      sealPeriod: 60_000n,
      updatePeriod: 0n,
      maxMembers: 1_000,
      openToJoin: false,
      activationDelay: 0n,
      joinWindow: 0n,
      preparedVersions: 0,
      joinKeepsVersion: false,
    };
    expect(await world.notices(GW1)).toEqual([{ ...common, description, members: [ANN, EVE] }]);
    expect(await world.notices(GW2)).toEqual([{ ...common, description, members: [BOB] }]);
    expect(await world.notices(GW3)).toEqual([]);
  });

  it('of many members come in parts, in a log as in all that a gateway is told', async () => {
    const members = Array.from({ length: 600 }, (_, n) => pne(n, 'pn1'));
    await smf.create(members);
    await world.rest();
    for (const parts of [await world.notices(GW1), await smf.all(GW1)]) {
      expect(parts.map(({ part, more, members: some }) => [part, more, some.length])).toEqual([
        [0, true, 500],
        [1, false, 100],
      ]);
      expect(parts.flatMap(({ members: some }) => some)).toEqual([...members].sort());
    }
  });

  it('follow each change, in order, once, also to a PN that nobody is left of', async () => {
    await smf.create([ANN, BOB]);
    await smf.leave(BOB);
    await smf.add([EVE]);
    await smf.end();
    await world.rest();
    expect(await world.told(GW1)).toEqual(['g1.1', 'g1.2', 'g1.3', 'g1.4']);
    expect(await world.told(GW2)).toEqual(['g1.1', 'g1.2']);
    expect(await world.notices(GW2)).toMatchObject([{ deleted: true }, { deleted: true }]);
  });

  it('say what is, not what was: a gateway that was away is never told an older state after a newer', async () => {
    await smf.create([ANN]);
    await smf.add([EVE]);
    await world.rest();
    const both = { membershipRevision: 2n, keyVersion: 2n, members: [ANN, EVE] };
    expect(await world.notices(GW1)).toMatchObject([both, both]);
  });

  it('are not told again once they were acknowledged, whoever carries them a second time', async () => {
    await smf.create([ANN]);
    await world.rest();
    await acknowledge(GW1, 1n);
    const again = { log: OUTBOX, dedupeId: 'notices.1', value: Buffer.alloc(0) };
    await world.store.commit(groupAggregate('g1'), { append: [again] });
    await (await world.replica()).drain();
    expect(await world.told(GW1)).toEqual([]);
    await smf.add([EVE]);
    await world.rest();
    expect(await world.told(GW1)).toEqual(['g1.2']);
  });

  it('do not carry those whose places are kept: gateways serve members alone', async () => {
    await smf.create([ANN, BOB, EVE]);
    await smf.ends('suspend', [EVE, BOB]);
    await world.rest();
    expect((await world.notices(GW1)).at(-1)).toMatchObject({ membershipRevision: 2n, members: [ANN] });
    expect((await world.notices(GW2)).at(-1)).toMatchObject({ membershipRevision: 2n, members: [] });
    expect(await smf.all(GW2)).toEqual([]);
    await smf.ends('resume', [EVE, BOB], { revision: 2n });
    await world.rest();
    expect((await world.notices(GW2)).at(-1)).toMatchObject({ membershipRevision: 3n, members: [BOB] });
  });

  it('leave nothing of the members of a group that ended', async () => {
    await smf.create([ANN, BOB], { openToJoin: true });
    await smf.join(EVE);
    await smf.leave(EVE);
    await smf.remove([BOB]);
    await smf.end();
    await world.rest();
    const { records, sets } = (await dump(world.store))['service-group/g1']!;
    // that of the entity that left ends by itself
    expect([Object.keys(records), sets]).toEqual([['group', expect.stringMatching(/^requested\./)], {}]);
    expect((await world.store.members({ kind: 'pn', id: 'pn1' }, 'groups', undefined, 10)).items).toEqual([]);
  });

  describe('to a gateway that comes late', () => {
    beforeEach(async () => {
      await smf.create([ANN, BOB]);
      await smf.create([EVE], { groupId: 'g2' });
      await smf.create([BOB], { groupId: 'elsewhere' });
      await smf.create([ANN], { groupId: 'over' });
      await smf.end(undefined, 'over');
      for (const groupId of ['g1', 'g2', 'elsewhere', 'over']) await world.rest(groupId);
    });

    const named = async (gateway: string) => (await smf.all(gateway)).map(({ description }) => description?.groupId);

    it('are of every group that has members in its PN, and of what changes from then on', async () => {
      await smf.introduce(GW1B);
      expect(await named(GW1B)).toEqual(['g1', 'g2']);
      expect(await smf.all(GW2)).toMatchObject([{ members: [BOB] }, { members: [BOB] }]);
      await smf.introduce(GW1B);
      await smf.add([EVE]);
      await world.rest();
      expect(await world.told(GW1B)).toEqual(['g1.2']);
    });

    it('come again when the store lost that the PN has the gateway, also after a crash', async () => {
      for (let at = 1; at <= 6; at++)
        for (const durable of [false, true]) {
          const gateway = gatewayOf('pn1', 10 * at + Number(durable));
          await smf.introduce(gateway);
          const log = new ClaimedLog(smf.module.get(Records), world.noticeLog(gateway));
          const token = (await log.claim(CLAIMANT, true)) as Buffer;
          await log.acknowledge(token, { sequence: 0n, entryId: Buffer.alloc(0) }, TOLD_ALL);
          const found = await world.store.read(PN1, ['gateways']);
          await world.store.commit(PN1, {
            expect: [...found].map(([name, { revision }]) => ({ name, revision })),
            delete: [...found.keys()],
          });
          const { replica, store } = await world.mortal({ at, durable });
          await replica.introduce(gateway).catch(() => undefined);
          if (store.isKilled) await smf.introduce(gateway);
          expect(await log.head()).toBeUndefined();
        }
    });

    it('miss no change that is made at the same time', async () => {
      for (let n = 0; n < 10; n++) {
        const gateway = gatewayOf('pn9', n);
        const groupId = `new${n}`;
        const introduced = smf.introduce(gateway).then(() => named(gateway));
        const [all] = await Promise.all([introduced, smf.create([pne(1, 'pn9')], { groupId })]);
        await world.rest(groupId);
        expect([...all, ...(await world.told(gateway))].join()).toContain(groupId);
      }
    });
  });
});
