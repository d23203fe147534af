/** Where the notices of a snapshot are kept until all of them are there. */
import { OpenNoticeChannelResponse } from '@cpns/contracts';
import { idsOf, type Aggregate, Store } from '@cpns/store';
import { withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Envelopes } from '../cskmf/envelopes';
import { GROUP_KIND, KnownGroups } from '../service-group/known-groups';

const STAGED: Aggregate = { kind: 'notices', id: 'staged' };
const LOG = 'staged';
const PAGE = 100;

@Injectable()
export class NoticeStaging {
  constructor(
    private readonly store: Store,
    private readonly groups: KnownGroups,
    private readonly envelopes: Envelopes,
  ) {}

  /** Forgets what a snapshot left that was cut off. */
  async begin(): Promise<void> {
    const { last } = await this.store.readLog(STAGED, LOG, 0n, 1);
    await this.store.commit(STAGED, { trim: [{ log: LOG, upTo: last }] });
  }

  async take(notice: OpenNoticeChannelResponse): Promise<void> {
    const value = OpenNoticeChannelResponse.encode(notice).finish();
    const dedupeId = `${groupOf(notice)}.${notice.notice?.part ?? 0}`;
    await this.store.commit(STAGED, { append: [{ log: LOG, dedupeId, value }] });
  }

  /**
   * Applies every notice; groups that none names have no members here any more, and ends of groups stay. What a crash cuts
   * off is true as far as it came, and the next snapshot does the rest.
   */
  async end(apply: (notice: OpenNoticeChannelResponse) => Promise<void>): Promise<void> {
    const named = new Set<string>();
    for (let after = 0n; ;) {
      const { entries } = await this.store.readLog(STAGED, LOG, after, PAGE);
      for (const { value, sequence } of entries) {
        const notice = OpenNoticeChannelResponse.decode(value);
        const { traceparent } = notice;
        await withTraceparent(traceparent, () => withStepChain(traceparent, () => apply(notice)));
        named.add(groupOf(notice));
        after = sequence;
      }
      if (entries.length === 0) break;
    }
    for await (const groupIds of idsOf(this.store, GROUP_KIND))
      for (const groupId of groupIds) if (!named.has(groupId)) await this.#empty(groupId);
    await this.begin();
  }

  async #empty(groupId: string): Promise<void> {
    await this.groups.mutex.run(groupId, async () => {
      const { notice } = await this.groups.read(groupId);
      if (notice === undefined || notice.deleted) return;
      await this.groups.setMembers(groupId, [], (entity) => this.envelopes.dropAll(entity, groupId));
    });
  }
}

const groupOf = ({ notice }: OpenNoticeChannelResponse): string => notice?.description?.groupId ?? '';
