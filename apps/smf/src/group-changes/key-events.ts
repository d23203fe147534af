/** GK-UPDATE-T step 6: CSKMF alerts of new versions that no change of SMF's led to. */
import type { WatchGroupKeyEventsResponse } from '@cpns/contracts';
import { BEGINNING, DeliveryClient, outboxEntry, received } from '@cpns/delivery';
import { BackgroundLoop, OwnIdentity } from '@cpns/platform';
import { type Aggregate, at, defineRecord, jsonField, type Position, Records } from '@cpns/store';
import { beginStep, Logger, withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ServerLink } from '../peer-clients/server-link';
import { GroupOutbox } from './execute-change';
import { GROUP, groupAggregate } from './groups';

/** The last alert that was worked off, by whichever replica: each watches, and an alert is applied once. */
export const LAST_ALERT = defineRecord('last-alert', {
  sequence: jsonField<bigint>(),
  /** Of that entry, 16 bytes. */
  entryId: jsonField<Buffer>(),
});
const OWN: Aggregate = { kind: 'key-events', id: 'own' };
const wanted = { last: at(LAST_ALERT) };

const FLOW = 'GK-UPDATE-T';
const NOTHING = Buffer.alloc(0);

@Injectable()
export class FollowGroupKeyEvents extends BackgroundLoop {
  constructor(
    private readonly server: ServerLink,
    private readonly records: Records,
    private readonly outbox: GroupOutbox,
    private readonly own: OwnIdentity,
    private readonly logger: Logger,
  ) {
    super();
  }

  run(signal: AbortSignal): Promise<void> {
    let begins: Position = BEGINNING;
    const client = new DeliveryClient<WatchGroupKeyEventsResponse, undefined>({
      // alerts are not acknowledged
      codec: { send: () => undefined, read: (response) => received(response) },
      position: async () => (begins = (await this.records.read(OWN, wanted)).last ?? BEGINNING),
      open: () => this.#watch(begins),
      handle: async (response, position, { superseded }) => {
        if (!superseded) await this.#apply(response);
        await this.#keep(position);
      },
      staging: {
        // an older version than is known changes nothing
        begin: () => Promise.resolve(),
        take: (response) => this.#apply(response),
        end: (position) => this.#keep(position, true),
      },
      onFailure: (error, retryInMs) => this.logger.warn('alerts of Group Keys are not followed', { error, retryInMs }),
    });
    return client.run(signal);
  }

  #watch({ sequence, entryId }: Position) {
    const stream = this.server.groupKeys.watchGroupKeyEvents({ lastSequence: sequence, lastEntryId: entryId });
    return {
      [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
      cancel: () => stream.cancel(),
      write: () => Promise.resolve(),
    };
  }

  async #apply({ status, traceparent }: WatchGroupKeyEventsResponse): Promise<void> {
    const version = status?.versions.at(-1)?.version;
    if (status === undefined || version === undefined || status.deleted) return;
    const { groupId, membershipRevision } = status;
    await withTraceparent(traceparent, () =>
      withStepChain(traceparent, async () => {
        const carried = ['group_id', 'status', 'version'] as const;
        const step = beginStep({ flow: FLOW, step: 6, from: this.server.uri, to: this.own.uri, carried });
        const isNew = await withinStep({ flow: FLOW, step: 6 }, () =>
          this.records.transact(groupAggregate(groupId), { group: at(GROUP) }, ({ group }) => {
            // of a change that is under way the answer says which version it led to
            if (group === undefined || group.state === 'deleted' || group.revision < membershipRevision)
              return { result: false };
            if (group.keyVersion >= version) return { result: false };
            // who is to hear of the last change of members may not have heard yet
            const pnsLeft = group.lastChange?.pnsLeft ?? [];
            const lastChange = { flow: FLOW, traceparent: step.traceparent || traceparent, pnsLeft } as const;
            return {
              result: true,
              put: { group: { ...group, keyVersion: version, lastChange } },
              append: [outboxEntry(`notices.${group.revision}.${version}`, NOTHING)],
            };
          }),
        );
        if (isNew) step.done();
      }),
    );
    this.outbox.wake(groupId);
  }

  /** @param anew of a snapshot, after which the log may count from a lower one */
  async #keep({ sequence, entryId }: Position, anew = false): Promise<void> {
    await this.records.transact(OWN, wanted, ({ last }) => {
      if (!anew && last !== undefined && last.sequence >= sequence) return { result: undefined };
      return { result: undefined, put: { last: { sequence, entryId } } };
    });
  }
}
