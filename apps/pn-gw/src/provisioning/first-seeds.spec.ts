import { FirstSeed } from '@cpns/core';
import { perTest } from '@cpns/core/testing';
import { CAMERA, GatewayWorld } from '../testing/world';
import { FirstSeeds } from './first-seeds';

const PLACES = 10;

describe('a 1st seed that many entities come for at one moment', () => {
  const world = perTest(new GatewayWorld());
  let commits: jest.SpyInstance;

  beforeEach(async () => {
    const now = world.clock.now();
    const limits = { firstSeedId: 'seed-1', assignUntil: now + 60_000, registerUntil: now + 90_000, revoked: false };
    const seed = new FirstSeed(Buffer.alloc(32, 7));
    await world.module.get(FirstSeeds).adopt({ ...limits, maxEntities: PLACES }, seed);
    commits = jest.spyOn(world.store, 'commit');
  });

  const use = (entities: readonly string[]) =>
    Promise.all(
      entities.map((entity) =>
        world.module
          .get(FirstSeeds)
          .use(entity, '')
          .then(
            ({ firstSeedId }) => firstSeedId,
            ({ reason }: { reason: unknown }) => reason,
          ),
      ),
    );
  const entities = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `${CAMERA}-${from + n}`);

  it('counts each of them once, in a commit or two', async () => {
    expect(await use([...entities(PLACES), ...entities(PLACES)])).toEqual(Array(2 * PLACES).fill('seed-1'));
    expect(commits.mock.calls.length).toBeLessThanOrEqual(2);
    // all places are taken, and those who have them come again
    expect(await use([...entities(1, PLACES), ...entities(1)])).toEqual(['FIRST_SEED_SPENT', 'seed-1']);
  });

  it('serves as many as it has places for, and refuses the others alone', async () => {
    const found = await use(entities(PLACES + 3));
    expect(found.filter((each) => each === 'seed-1')).toHaveLength(PLACES);
    expect(found.filter((each) => each === 'FIRST_SEED_SPENT')).toHaveLength(3);
    await world.restart();
    expect(await use(entities(PLACES + 3))).toEqual(found);
  });
});
