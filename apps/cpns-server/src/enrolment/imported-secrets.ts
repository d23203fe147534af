/** Whose an imported secret is, so that one secret is never that of two. */
import { Clock, CpnsError, EntityUserKey, type FirstSeed } from '@cpns/core';
import { deriveKeyId } from '@cpns/key-derivation';
import { at, defineRecord, expiring, jsonField, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';

const OWNER = defineRecord('owner', {
  /** E, or for a 1st seed the E of its gateway, a blank and its id. */
  owner: jsonField<string>(),
  /** Unix milliseconds; the secret is good for nothing afterwards. */
  until: jsonField<number>(),
});

interface Ownership {
  readonly owner: string;
  readonly until: number;
}

@Injectable()
export class ImportedSecrets {
  constructor(
    private readonly records: Records,
    private readonly clock: Clock,
  ) {}

  /**
   * Called before the secret is recorded with its owner: a crash in between leaves it to the owner that the import named.
   * @throws CpnsError ALREADY_EXISTS while it is another's
   */
  async claim(secret: EntityUserKey | FirstSeed, { owner, until }: Ownership): Promise<void> {
    // one-way: the secret cannot be found from it
    const id = deriveKeyId(new EntityUserKey(secret.expose()));
    await this.records.transact({ kind: 'imported-secret', id }, { known: at(OWNER) }, ({ known }) => {
      if (known !== undefined && known.owner !== owner && known.until > this.clock.now())
        throw new CpnsError('ALREADY_EXISTS', 'the secret is that of another entity or 1st seed: each needs its own');
      const before = known?.owner === owner ? known.until : 0;
      if (before >= until) return { result: undefined };
      return { result: undefined, put: { known: expiring({ owner, until }, until) } };
    });
  }
}
