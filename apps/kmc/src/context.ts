import type { Clock, Random } from '@cpns/core';
import type { Records } from '@cpns/store';

/** What the use cases of the KMC share. */
export interface KmcContext {
  /** `cpns://<trust-domain>/service/kmc`, as its certificate says. */
  readonly uri: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly records: Records;
}
