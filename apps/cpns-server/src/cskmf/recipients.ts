/**
 * To whom which version is given (protocol.md, "Group Key": "Version v is given to recipients of v alone"). Rules only; each
 * gives the same when it is applied again, also when later changes were applied in between.
 */
import type { Span } from './records';

/** @returns the spans after the entity joined with a version; the same array when that is in them already */
export function joinedAt(spans: readonly Span[], version: bigint): readonly Span[] {
  const last = spans.at(-1);
  if (last === undefined) return [[version, null]];
  const [from, until] = last;
  return until === null || until > version || from >= version ? spans : [...spans, [version, null]];
}

/** @returns the spans after the entity left with a version; the same array when that is in them already */
export function leftAt(spans: readonly Span[], version: bigint): readonly Span[] {
  const last = spans.at(-1);
  if (last === undefined) return spans;
  const [from, until] = last;
  return until === null && from < version ? [...spans.slice(0, -1), [from, version]] : spans;
}

/** Without the spans of retired versions, but for the last one: it tells a leaver from a stranger. */
export const withoutRetired = (spans: readonly Span[], oldest: bigint): readonly Span[] =>
  spans.filter(([, until], index) => index === spans.length - 1 || until === null || until > oldest);

export const isGiven = (spans: readonly Span[], version: bigint): boolean =>
  spans.some(([from, until]) => from <= version && (until === null || version < until));

/** True when the entity is given no version from this one on. */
export const isGoneFrom = (spans: readonly Span[], version: bigint): boolean => {
  const last = spans.at(-1);
  return last === undefined || (last[1] !== null && last[1] <= version);
};
