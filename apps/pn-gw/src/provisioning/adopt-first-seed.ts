/** Q2: the operator imported a 1st seed that was put into this gateway at manufacture. */
import { fields, type FirstSeedImport } from '@cpns/contracts';
import { checkFirstSeedId } from '@cpns/core';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { FirstSeeds } from './first-seeds';
import { SeedDirectory } from './seed-directory';

@Injectable()
export class AdoptFirstSeed {
  constructor(
    private readonly manufactured: SeedDirectory,
    private readonly seeds: FirstSeeds,
    private readonly logger: Logger,
  ) {}

  /** @throws CpnsError a field's reason */
  async execute(message: FirstSeedImport): Promise<void> {
    const firstSeedId = checkFirstSeedId(message.firstSeedId, 'first_seed_id');
    const seed = await this.manufactured.load(firstSeedId).catch((error: unknown) => {
      this.logger.error('the 1st seed that was put into this gateway cannot be read', { firstSeedId, error });
      return undefined;
    });
    if (seed === undefined) {
      // the operator's entry does not fit this gateway: what comes after it must not wait for that
      this.logger.error('no 1st seed of that id was put into this gateway', { firstSeedId });
      return;
    }
    const limits = {
      firstSeedId,
      assignUntil: fields.time(message.assignUntil, 'assign_until'),
      registerUntil: fields.time(message.registerUntil, 'register_until'),
      maxEntities: message.maxEntities,
      revoked: false,
    };
    await this.seeds.adopt(limits, seed);
  }
}
