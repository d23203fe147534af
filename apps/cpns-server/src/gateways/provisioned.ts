import { CpnsError } from '@cpns/core';
import type { ProvisionedItem, ProvisionedRecord } from './records';

/** As many 1st seeds, and as many CA certificates, as a gateway may have at a time: one that asks for more is ill. */
const ITEMS_MAX = 64;
/** As many of those that have ended as are remembered by name, so that a late caller is told what became of them. */
const ENDED_MAX = 64;

function withItem(items: readonly ProvisionedItem[], item: ProvisionedItem, now: number): readonly ProvisionedItem[] {
  const others = items.filter(({ id }) => id !== item.id);
  const live = others.filter((other) => !hasEnded(other, now));
  if (live.length >= ITEMS_MAX)
    throw new CpnsError('LIMIT_REACHED', `a gateway has ${ITEMS_MAX} of these at a time at most`);
  const ended = others.filter((other) => hasEnded(other, now)).slice(-ENDED_MAX);
  return [...ended, ...live, item];
}

/** True for a 1st seed or a CA certificate whose details are gone. @param now Unix milliseconds */
export const hasEnded = ({ until }: ProvisionedItem, now: number): boolean => until <= now;

/** What the gateway has once a 1st seed was added, and what ended lately. @throws CpnsError LIMIT_REACHED */
export const withFirstSeed = (
  record: ProvisionedRecord | undefined,
  item: ProvisionedItem,
  now: number,
): ProvisionedRecord => ({ firstSeeds: withItem(record?.firstSeeds ?? [], item, now), cas: record?.cas ?? [] });

/** What the gateway has once a CA certificate was added, and what ended lately. @throws CpnsError LIMIT_REACHED */
export const withGatewayCa = (
  record: ProvisionedRecord | undefined,
  item: ProvisionedItem,
  now: number,
): ProvisionedRecord => ({ firstSeeds: record?.firstSeeds ?? [], cas: withItem(record?.cas ?? [], item, now) });
