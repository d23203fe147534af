import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FirstSeed } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { GatewayConfig } from '../config';

const HEX = /^[0-9a-fA-F]{64}\s*$/;

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** 1st seeds in files `<first-seed-id>.hex` of a directory; none where there is no directory (Q2). */
@Injectable()
export class SeedDirectory {
  constructor(private readonly config: GatewayConfig) {}

  /** @returns undefined when there is none of that id @throws Error when the file does not hold 64 hexadecimal digits; its message holds none of it */
  async load(firstSeedId: string): Promise<FirstSeed | undefined> {
    const { firstSeedDirectory } = this.config;
    if (firstSeedDirectory === undefined) return undefined;
    try {
      const text = await readFile(join(firstSeedDirectory, `${firstSeedId}.hex`), 'utf8');
      if (!HEX.test(text)) throw new Error(`the file of 1st seed ${firstSeedId} does not hold 64 hexadecimal digits`);
      return new FirstSeed(Buffer.from(text.trim(), 'hex'));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}
