/** Q2: 1st seeds that were put into this gateway at manufacture, as files `<first-seed-id>.hex` of a directory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fields, type FirstSeedImport } from '@cpns/contracts';
import { checkFirstSeedId, FirstSeed } from '@cpns/core';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GatewayConfig } from '../config';
import { FirstSeeds } from './first-seeds';

const HEX = /^[0-9a-fA-F]{64}\s*$/;

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

@Injectable()
export class AdoptFirstSeed {
  constructor(
    private readonly config: GatewayConfig,
    private readonly seeds: FirstSeeds,
    private readonly logger: Logger,
  ) {}

  /** The Server says that a seed may be used: the operator imported it, or it is in force. @throws CpnsError a field's reason */
  async execute(message: FirstSeedImport): Promise<void> {
    const firstSeedId = checkFirstSeedId(message.firstSeedId, 'first_seed_id');
    if (await this.seeds.confirm(firstSeedId)) return;
    const seed = await this.load(firstSeedId).catch((error: unknown) => {
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

  /**
   * @returns undefined when there is none of that id
   * @throws Error when the file does not hold 64 hexadecimal digits, or a seed that is known to everyone; its message
   *   holds none of it
   */
  private async load(firstSeedId: string): Promise<FirstSeed | undefined> {
    const { firstSeedDirectory } = this.config;
    if (firstSeedDirectory === undefined) return undefined;
    try {
      const text = await readFile(join(firstSeedDirectory, `${firstSeedId}.hex`), 'utf8');
      if (!HEX.test(text)) throw new Error(`the file of 1st seed ${firstSeedId} does not hold 64 hexadecimal digits`);
      return new FirstSeed(fields.importedSecret(Buffer.from(text.trim(), 'hex'), 'first_seed'));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}
