/** Where the notices of a snapshot are kept until all of them are there. */
import { OpenNoticeChannelResponse } from '@cpns/contracts';
import { join, lp, Reader } from '@cpns/core';
import { idsOf, type Aggregate, type LogEntry, Records, Store } from '@cpns/store';
import { withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Envelopes } from '../cskmf/envelopes';
import { GROUP_KIND, KnownGroups } from '../service-group/known-groups';

export const STAGED: Aggregate = { kind: 'notices', id: 'staged' };
export const LOG = 'staged';
const PAGE = 100;

@Injectable()
export class NoticeStaging {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly groups: KnownGroups,
    private readonly envelopes: Envelopes,
  ) {}

  /** Forgets what a snapshot left that was cut off. */
  async begin(): Promise<void> {
    const { last } = await this.store.readLog(STAGED, LOG, 0n, 1);
    await this.store.commit(STAGED, { trim: [{ log: LOG, upTo: last }] });
  }

  async take(notice: OpenNoticeChannelResponse): Promise<void> {
    const dedupeId = `${groupOf(notice)}.${notice.notice?.part ?? 0}`;
    await this.store.commit(STAGED, { append: [{ log: LOG, dedupeId, value: this.#seal(dedupeId, notice) }] });
  }

  /**
   * Applies every notice; groups that none names have no members here any more, and ends of groups stay. What a crash cuts
   * off is true as far as it came, and the next snapshot does the rest.
   * @throws CpnsError STORED_RECORD_INVALID where what was kept is not what came
   */
  async end(apply: (notice: OpenNoticeChannelResponse) => Promise<void>): Promise<void> {
    const named = new Set<string>();
    for (let after = 0n; ;) {
      const { entries } = await this.store.readLog(STAGED, LOG, after, PAGE);
      for (const entry of entries) {
        const notice = await this.#open(entry);
        const { traceparent } = notice;
        await withTraceparent(traceparent, () => withStepChain(traceparent, () => apply(notice)));
        named.add(groupOf(notice));
        after = entry.sequence;
      }
      if (entries.length === 0) break;
    }
    for await (const groupIds of idsOf(this.store, GROUP_KIND))
      for (const groupId of groupIds) if (!named.has(groupId)) await this.#empty(groupId);
    await this.begin();
  }

  /** Members decide on access: what a log holds of them is as authentic as a record. */
  #seal(dedupeId: string, notice: OpenNoticeChannelResponse): Buffer {
    const { sealer } = this.records;
    const keyId = sealer.currentKeyId;
    const message = OpenNoticeChannelResponse.encode(notice).finish();
    return join(lp(keyId), sealer.seal(placeOf(dedupeId), message, keyId));
  }

  async #open({ dedupeId, value }: LogEntry): Promise<OpenNoticeChannelResponse> {
    const { sealer } = this.records;
    const place = placeOf(dedupeId);
    const reader = new Reader(value, 'a stored notice');
    const keyId = reader.lpText();
    await sealer.ready(keyId, place.record);
    return OpenNoticeChannelResponse.decode(sealer.open(place, reader.take(reader.remaining()), keyId));
  }

  async #empty(groupId: string): Promise<void> {
    await this.groups.mutex.run(groupId, async () => {
      const { notice } = await this.groups.read(groupId);
      if (notice === undefined || notice.deleted) return;
      await this.groups.setMembers(groupId, [], (entity) => this.envelopes.drop(entity, groupId));
    });
  }
}

const placeOf = (dedupeId: string) => ({ record: `notices/staged/${LOG}`, field: dedupeId, revision: 0n });

const groupOf = ({ notice }: OpenNoticeChannelResponse): string => notice?.description?.groupId ?? '';
