import { FirstSeed, SecondSeed, type CpnsError } from '@cpns/core';
import { perTest } from '@cpns/core/testing';
import { at } from '@cpns/store';
import type { ServerConfig } from '../config';
import { FIRST_SEED, firstSeedName, GatewayRecords, servedMember, servedName } from '../gateways/records';
import { GW, pne, World } from '../testing/world';
import { DeriveFromSeeds } from './agree-key';

const PLACES = 10;
const wanted = { seed: at(FIRST_SEED, firstSeedName('seed-1')) };

describe('registrations that count at one 1st seed at the same time', () => {
  const world = perTest(new World({ gateways: [GW] }));
  let gateways: GatewayRecords;
  let seeds: DeriveFromSeeds;
  let commits: jest.SpyInstance;

  beforeEach(async () => {
    const { clock } = world;
    gateways = world.server.module.get(GatewayRecords);
    seeds = new DeriveFromSeeds(gateways, {} as ServerConfig, clock);
    const until = clock.now() + 60_000;
    const limits = { firstSeedId: 'seed-1', assignUntil: until, registerUntil: until, maxEntities: PLACES };
    const seed = { ...limits, seed: new FirstSeed(Buffer.alloc(32, 7)), revoked: false, registered: 0 };
    await gateways.transact(GW, wanted, () => ({ result: undefined, put: { seed } }));
    commits = jest.spyOn(world.store, 'commit');
  });

  const count = (numbers: readonly number[], firstSeedId = 'seed-1') =>
    Promise.all(
      numbers.map((n) => {
        const secondSeed = new SecondSeed(Buffer.alloc(32, n));
        const terms = { tokenId: 't', user: '', notAfter: 1, nonce: Buffer.alloc(16) };
        const registration = { ...terms, firstSeedId, gateway: GW, entity: pne(`camera-${n}`), secondSeed };
        return seeds.count({ registration }).then(
          () => 'counted',
          (error: CpnsError) => error.reason,
        );
      }),
    );
  const first = (size: number) => Array.from({ length: size }, (_, n) => n);
  const registered = async () => (await gateways.read(GW, wanted)).seed?.registered;

  it('are each counted once, in a commit or two', async () => {
    expect(await count([...first(PLACES), ...first(PLACES)])).toEqual(Array(2 * PLACES).fill('counted'));
    expect(commits.mock.calls.length).toBeLessThanOrEqual(2);
    expect(await registered()).toBe(PLACES);
  });

  it('are refused one by one when the places are taken', async () => {
    const found = await count(first(PLACES + 3));
    expect(found.filter((each) => each === 'counted')).toHaveLength(PLACES);
    expect(found.filter((each) => each === 'FIRST_SEED_SPENT')).toHaveLength(3);
    expect(await count(first(PLACES + 3))).toEqual(found);
    expect(await registered()).toBe(PLACES);
  });

  it('are served by what the Server wrote itself, not by what was put into its store', async () => {
    await count(first(PLACES));
    const aggregate = { kind: 'gateway', id: GW };
    const [known, stranger] = [0, PLACES].map((n) => servedMember(pne(`camera-${n}`), ''));
    await world.store.commit(aggregate, { addTo: [{ set: 'served.seed-1', member: stranger! }] });
    expect(await count([0, PLACES])).toEqual(['counted', 'FIRST_SEED_SPENT']);
    const [from, to] = [known!, stranger!].map((member) => servedName('seed-1', member));
    const { value } = (await world.store.read(aggregate, [from!])).get(from!)!;
    await world.store.commit(aggregate, {
      expect: [{ name: to!, revision: 'absent' }],
      put: [{ name: to!, value }],
    });
    expect(await count([PLACES])).toEqual(['STORED_RECORD_INVALID']);
    expect([await count([0]), await registered()]).toEqual([['counted'], PLACES]);
  });

  it('are refused when there is no such seed', async () => {
    expect(await count(first(2), 'seed-2')).toEqual(['FIRST_SEED_UNKNOWN', 'FIRST_SEED_UNKNOWN']);
  });
});
