import { CpnsError } from '@cpns/core';
import type { ProvisionedItem, ProvisionedRecord } from './gateway-records';

/** As many 1st seeds, and as many CA certificates, as a gateway may have at a time: one that asks for more is ill. */
const ITEMS_MAX = 64;

function withItem(items: readonly ProvisionedItem[], item: ProvisionedItem, now: number): readonly ProvisionedItem[] {
  const live = items.filter(({ id, until }) => until > now && id !== item.id);
  if (live.length >= ITEMS_MAX)
    throw new CpnsError('LIMIT_REACHED', `a gateway has ${ITEMS_MAX} of these at a time at most`);
  return [...live, item];
}

/** What the gateway has once a 1st seed was added, without what has ended. @throws CpnsError LIMIT_REACHED */
export const withFirstSeed = (
  record: ProvisionedRecord | undefined,
  item: ProvisionedItem,
  now: number,
): ProvisionedRecord => ({ firstSeeds: withItem(record?.firstSeeds ?? [], item, now), cas: record?.cas ?? [] });

/** What the gateway has once a CA certificate was added, without what has ended. @throws CpnsError LIMIT_REACHED */
export const withGatewayCa = (
  record: ProvisionedRecord | undefined,
  item: ProvisionedItem,
  now: number,
): ProvisionedRecord => ({ firstSeeds: record?.firstSeeds ?? [], cas: withItem(record?.cas ?? [], item, now) });
