import type { Commit, CommitSite } from '@cpns/testing';
import type { NamedFlow } from './due';
import type { House } from './house';

/** A flow with parties of its own. */
export interface Run {
  /** From the beginning to the end. Fails when a party dies that does not come back by itself. */
  perform(): Promise<void>;
  /**
   * Brings back who died, and the flow to its end.
   * @param first what {@link perform} is doing
   */
  finish(victim: string, first: Promise<void>): Promise<void>;
  /** Looks at everything that must be there then. */
  check(): Promise<void>;
}

export interface Flow extends NamedFlow {
  /** Everything that comes before the flow. */
  prepare(house: House): Promise<Run>;
  /** Commits that belong to another flow, which has them. */
  readonly isOfAnother?: (site: CommitSite) => boolean;
  /** Commits that a race decides about: a run may pass without them. */
  readonly isRacy?: (commit: Commit) => boolean;
}
