import { CpnsError, duration } from '@cpns/core';
import { OutboxRelay } from '@cpns/delivery';
import type { Aggregate, LogEntry } from '@cpns/store';
import type { SmfContext } from '../context';
import { SpreadNotices } from '../notices/spread-notices';
import { GROUP_KIND } from '../records/group-records';
import { CarryChange } from './carry-change';
import type { Settlements } from './settlements';

const ENTRY = /^(?:change\.(?<changeId>[0-9a-f]{32})|notices\.(?<revision>[0-9]{1,16}))$/;

/** Carries on what a group's outbox holds, in order: a change to CSKMF, then its notices to the gateways. */
export function groupOutbox(smf: SmfContext, settlements: Settlements): OutboxRelay {
  const changes = new CarryChange(smf, settlements);
  const notices = new SpreadNotices(smf);
  const carry = async ({ id }: Aggregate, { dedupeId }: LogEntry) => {
    const { changeId, revision } = ENTRY.exec(dedupeId)?.groups ?? {};
    if (changeId !== undefined) return changes.execute(id, changeId);
    if (revision !== undefined) return notices.execute(id, BigInt(revision));
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of an outbox is neither a change nor notices');
  };
  return new OutboxRelay({
    store: smf.store,
    kind: GROUP_KIND,
    carry,
    // calls wait for it
    backoff: { first: 200, longest: duration(2, 'second') },
    onFailure: ({ id }, error, retryIn) =>
      smf.logger.warn('a change of a group was not carried on', { group: id, error, retryInMs: retryIn }),
  });
}
