/**
 * A snapshot of all that the Server keeps for this gateway, as it comes. Its entries are committed one by one, under a
 * generation that does not count yet; its end makes that the one that counts, in one commit. The position in the log is stored
 * after that commit: a crash in between brings entries once more, and loses none.
 */
import type { OpenDeliveryChannelResponse } from '@cpns/contracts';
import { forEach } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { ApplyEntry } from './apply-entry';

/** Rows that are committed at a time. */
const AT_ONCE = 64;

@Injectable()
export class StageSnapshot {
  /** Rows that came and are not committed. */
  #rows: OpenDeliveryChannelResponse[] = [];

  constructor(
    private readonly credentials: LiveCredentials,
    private readonly apply: ApplyEntry,
  ) {}

  /** One that had begun is given up. @param doubtful whether nothing that is here counts until the end */
  begin(doubtful: boolean): Promise<void> {
    this.#rows = [];
    return this.credentials.beginSnapshot(doubtful);
  }

  /** An entry of the snapshot, which has no sequence. @throws CpnsError what {@link ApplyEntry} throws */
  async take(entry: OpenDeliveryChannelResponse): Promise<void> {
    if (entry.entry?.$case !== 'credential') return this.apply.execute(entry);
    // each is of another entity, so that their order is of no account
    this.#rows.push(entry);
    if (this.#rows.length >= AT_ONCE) await this.flush();
  }

  /** From here on what was named counts, and nothing else does. */
  async end(): Promise<void> {
    await this.flush();
    await this.credentials.endSnapshot();
  }

  private flush(): Promise<void> {
    return forEach(this.#rows.splice(0), (row) => this.apply.execute(row), AT_ONCE);
  }
}
