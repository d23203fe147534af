import type { FirstSeed } from '@cpns/core';
import { perTest, TemporaryDirectory } from '@cpns/core/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { randomBytes } from 'node:crypto';
import type { GatewayConfig } from '../config';
import type { FirstSeeds } from './first-seeds';
import { AdoptFirstSeed } from './manufactured-seeds';

const seed = randomBytes(32);
/** The 1st seed of the first case of `second-seed.json`. */
const OF_VECTORS = 'e80f69cb06205a1ccc8046c4e7c4718ff105360b87fce1db7c649a8a85376ab5';

describe('a 1st seed that was put into the gateway at manufacture', () => {
  const directory = perTest(new TemporaryDirectory());

  it.each([
    ['as random bytes', `${seed.toString('hex')}\n`, [seed]],
    ['as zeros', '0'.repeat(64), []],
    ['as one of the vectors', OF_VECTORS, []],
    ['cut off', seed.toString('hex').slice(2), []],
    ['not at all', undefined, []],
  ])('%s', async (_what, content, adopted) => {
    if (content !== undefined) directory.write('seed-1.hex', content);
    const log = new MemoryLog();
    const kept: Buffer[] = [];
    const seeds: Pick<FirstSeeds, 'adopt' | 'confirm'> = {
      confirm: () => Promise.resolve(false),
      adopt: (_limits, given: FirstSeed) => Promise.resolve(void kept.push(given.expose())),
    };
    const config = { firstSeedDirectory: directory.path } as GatewayConfig;
    await new AdoptFirstSeed(config, seeds as FirstSeeds, log.logger).execute({
      firstSeedId: 'seed-1',
      assignUntil: 1_000n,
      registerUntil: 1_000n,
      maxEntities: 1,
    });
    expect(kept).toEqual(adopted);
    expect(log.lines.length > 0).toBe(adopted.length === 0);
    if (content !== undefined) expect(log.text()).not.toContain(content.trim());
  });
});
