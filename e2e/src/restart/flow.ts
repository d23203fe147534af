import type { Commit, CommitSite } from '@cpns/testing';
import type { Due } from './due';
import type { House } from './house';

/** A flow with parties of its own. */
export interface Run {
  /** From the beginning to the end. Fails when a party dies that does not come back by itself. */
  readonly perform: () => Promise<void>;
  /**
   * Starts the victim again and brings the flow to its end, where that takes more than waiting for it.
   * @param first what {@link perform} is doing
   */
  readonly finish?: (victim: string, first: Promise<void>) => Promise<void>;
  /** Looks at everything that must be there then. */
  readonly check: () => Promise<void>;
}

export interface Flow<H extends House = House> {
  /** As the output has it. */
  readonly name: string;
  readonly due: readonly Due[];
  /** Everything that comes before the flow. */
  readonly prepare: (house: H) => Promise<Run>;
  /** Commits that belong to another flow, which has them. */
  readonly isOfAnother?: (site: CommitSite) => boolean;
  /** Commits that a race decides about: a run may pass without them. */
  readonly isRacy?: (commit: Commit) => boolean;
}
