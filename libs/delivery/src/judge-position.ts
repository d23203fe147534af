/** Whether a receiver goes on where it is in its log, or is told anew how everything is. A table of cases is in the spec. */
import { duration } from '@cpns/core';
import type { LogPage } from '@cpns/store';
import type { Opening } from './channel';

/** What the sender keeps of a log's receiver. */
export interface LogHead {
  /** The life of the receiver that the log belongs to. */
  readonly life: string;
  /** When the last snapshot was acknowledged, Unix milliseconds. */
  readonly snapshotAt: number;
  /** The incarnation of the sender's store at that time. */
  readonly incarnation: string;
  /** More entries waited than a log may hold, and were let go. */
  readonly overflowed: boolean;
}

export interface Present {
  /** The present life of the receiver. */
  readonly life: string;
  /** Unix milliseconds. */
  readonly time: number;
  /** Of the sender's store. */
  readonly incarnation: string;
}

/** Why a snapshot is sent. */
export type Cause = 'asked' | 'first opening' | 'overflow' | 'position' | 'incarnation' | 'age';

/** After which a snapshot is sent again, milliseconds; a tenth more or less, so that receivers do not all get theirs at once. */
export const SNAPSHOT_MAX_AGE = duration(24, 'hour');
const SPREAD = SNAPSHOT_MAX_AGE / 5;

/** Causes for which a receiver may have been told, or not been told, what the log does not say. */
const DOUBTFUL: ReadonlySet<Cause> = new Set<Cause>(['asked', 'position']);

export const isDoubtful = (cause: Cause): boolean => DOUBTFUL.has(cause);

/** @param page read after the sequence of the opening's position @returns undefined where the receiver goes on */
export function judgePosition(
  { position, resynchronise }: Opening,
  { last, trimmedTo, afterId }: Pick<LogPage, 'last' | 'trimmedTo' | 'afterId'>,
  head: LogHead | undefined,
  present: Present,
): Cause | undefined {
  const { sequence, entryId } = position;
  if (resynchronise) return 'asked';
  if (head?.life !== present.life) return 'first opening';
  if (head.overflowed && sequence <= last) return 'overflow';
  if (sequence < trimmedTo || sequence > last || !afterId.equals(entryId)) return 'position';
  // nothing that is in an empty log proves that the receiver has the last snapshot
  if (sequence === 0n) return 'first opening';
  return agesOf(head, present);
}

/** What makes a snapshot due while a channel is open. */
export function agesOf(head: LogHead, { incarnation, time }: Present): Cause | undefined {
  if (head.incarnation !== incarnation) return 'incarnation';
  return time - head.snapshotAt >= maxAgeOf(head) ? 'age' : undefined;
}

/** The milliseconds within its second at which a snapshot was sent are as good as drawn. */
const maxAgeOf = ({ snapshotAt }: LogHead): number =>
  SNAPSHOT_MAX_AGE + (SPREAD * ((snapshotAt % 1_000) - 500)) / 1_000;
