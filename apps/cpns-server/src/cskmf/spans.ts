/**
 * Which versions of a Group Key an entity is given, as stretches of its membership. A rule gives the same when it is applied
 * again, also when later changes were applied in between.
 */
import type { Span } from './records';

const spanFrom = (version: bigint, life: bigint): Span => (life === 1n ? [version, null] : [version, null, life]);

/**
 * @param life of the entity
 * @returns the spans after the entity joined with a version; the same array when that is in them already
 */
export function joinedAt(spans: readonly Span[], version: bigint, life = 1n): readonly Span[] {
  const last = spans.at(-1);
  if (last === undefined) return [spanFrom(version, life)];
  const [from, until, of = 1n] = last;
  if (from >= version || (until !== null && until > version) || (until === null && of === life)) return spans;
  // a membership of another life, which no one ended, ends here
  return [...leftAt(spans, version), spanFrom(version, life)];
}

/** @returns the spans after the entity left with a version; the same array when that is in them already */
export function leftAt(spans: readonly Span[], version: bigint): readonly Span[] {
  const last = spans.at(-1);
  if (last === undefined) return spans;
  const [from, until, ...life] = last;
  return until === null && from < version ? [...spans.slice(0, -1), [from, version, ...life]] : spans;
}

/** Those of one life of the entity: nothing that was given to it before comes back with a new admission. */
export const ofLife = (spans: readonly Span[], life: bigint): readonly Span[] =>
  spans.filter(([, , of = 1n]) => of === life);

/** Without the spans of retired versions, but for the last one: it tells a leaver from a stranger. */
export const withoutRetired = (spans: readonly Span[], oldest: bigint): readonly Span[] =>
  spans.filter(([, until], index) => index === spans.length - 1 || until === null || until > oldest);

export const covers = ([from, until]: Span, version: bigint): boolean =>
  from <= version && (until === null || version < until);

export const isGiven = (spans: readonly Span[], version: bigint): boolean =>
  spans.some((span) => covers(span, version));

/** True when the entity is given no version from this one on. */
export const isGoneFrom = (spans: readonly Span[], version: bigint): boolean => {
  const last = spans.at(-1);
  return last === undefined || (last[1] !== null && last[1] <= version);
};
