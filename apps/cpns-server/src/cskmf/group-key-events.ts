/**
 * GK-UPDATE-T, the alert: what CSKMF made of its own accord, or by hand, in one log for all groups. An entry says which version
 * of which group; the status is made when it is sent. SMF takes the newest version that it hears of, so that every replica of it
 * may watch, and none acknowledges: a caller says where it goes on, and gets a snapshot where the log has no such place.
 */
import { WatchGroupKeyEventsResponse, type WatchGroupKeyEventsRequest } from '@cpns/contracts';
import { Clock, Random } from '@cpns/core';
import {
  checkPosition,
  controlWire,
  DeliveryLog,
  STATE_EVERY,
  systemTimers,
  WakeSignal,
  type Control,
} from '@cpns/delivery';
import type { ServerStreamContext } from '@cpns/grpc';
import { idsOf, Store, type LogEntry, type LogPage, type Position } from '@cpns/store';
import { currentTraceparent, lastStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GetGroupKeyStatus } from './group-key-status';
import { GROUP_KIND } from './records';

/** As many entries are kept. */
export const EVENTS_MAX = 4_096n;
/** Entries are let go so many at a time. */
const TRIM_EVERY = 256n;
/** Entries in which a later one about the same group is looked for. */
const LOOK_AHEAD = 1_000;
/** How often to look for entries that no wake-up told of, milliseconds. */
const POLL_EVERY = 2_000;
const SNAPSHOT_ID_BYTES = 16;

/** Of several entries about one group the last alone has to be sent. */
const groupOf = ({ dedupeId }: Pick<LogEntry, 'dedupeId'>): string => dedupeId.slice(0, dedupeId.lastIndexOf('.'));

@Injectable()
export class GroupKeyEventLog {
  readonly log: DeliveryLog;

  constructor(store: Store) {
    this.log = new DeliveryLog(store, { kind: 'group-key-events', id: 'all' }, 'events');
  }

  /** Once for each version, however often it is called while the entry is kept. */
  async append(groupId: string, version: bigint): Promise<void> {
    const traceparent = Buffer.from(lastStep() || currentTraceparent(), 'utf8');
    const sequence = await this.log.append(`${groupId}.${version}`, traceparent);
    if (sequence > EVENTS_MAX && sequence % TRIM_EVERY === 0n) await this.log.trim(sequence - EVENTS_MAX + TRIM_EVERY);
  }
}

type Watch = ServerStreamContext<WatchGroupKeyEventsResponse>;

const EMPTY = WatchGroupKeyEventsResponse.fromPartial({});

function controlMessage(said: Control): WatchGroupKeyEventsResponse {
  const { entry, ...position } = controlWire(said);
  return { ...EMPTY, ...position, [entry.$case]: entry.value };
}

/** Whether a caller that has all up to a position can go on from there. */
const isIn = ({ last, trimmedTo, afterId }: LogPage, { sequence, entryId }: Position): boolean =>
  sequence >= trimmedTo && sequence <= last && afterId.equals(entryId);

@Injectable()
export class GroupKeyEvents {
  constructor(
    private readonly events: GroupKeyEventLog,
    private readonly status: GetGroupKeyStatus,
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * Sends alerts until the caller ends the call.
   * @throws CpnsError FIELD_OUT_OF_RANGE, FIELD_SIZE; DEPENDENCY_UNAVAILABLE: the caller watches again, from where it is
   */
  async watch({ lastSequence, lastEntryId }: WatchGroupKeyEventsRequest, call: Watch): Promise<void> {
    let at = checkPosition(lastSequence, lastEntryId, ['last_sequence', 'last_entry_id']);
    const { log } = this.events;
    const woken = new WakeSignal();
    call.signal.addEventListener('abort', () => woken.wake(), { once: true });
    await log.watch(() => woken.wake(), call.signal);
    for (let statedAt = -Infinity; !call.signal.aborted;) {
      const page = await log.read(at.sequence, LOOK_AHEAD);
      if (!isIn(page, at)) {
        at = await this.#sendSnapshot(page, call);
        continue;
      }
      await this.#sendEntries(page.entries, call);
      const { sequence, entryId } = page.entries.at(-1) ?? at;
      at = { sequence, entryId };
      if (this.clock.now() - statedAt >= STATE_EVERY) {
        statedAt = this.clock.now();
        await this.#sendState(page, call);
      }
      if (page.entries.length === 0) await woken.wait(systemTimers, POLL_EVERY);
    }
  }

  async #sendEntries(entries: readonly LogEntry[], call: Watch): Promise<void> {
    const newest = new Map(entries.map((entry) => [groupOf(entry), entry]));
    for (const entry of entries) {
      if (call.signal.aborted) return;
      await call.write(await this.#messageOf(entry, newest.get(groupOf(entry)) === entry));
    }
  }

  async #messageOf(entry: LogEntry, isNewest: boolean): Promise<WatchGroupKeyEventsResponse> {
    const { sequence, entryId, value } = entry;
    const status = isNewest ? await this.status.find(groupOf(entry)) : undefined;
    if (status === undefined) return controlMessage({ kind: 'superseded', position: { sequence, entryId } });
    return { ...EMPTY, sequence, entryId, traceparent: value.toString('utf8'), status };
  }

  /** How all groups are. @param page read before any of them @returns the position after which the log goes on */
  async #sendSnapshot({ last, lastId }: LogPage, call: Watch): Promise<Position> {
    const snapshotId = this.random.bytes(SNAPSHOT_ID_BYTES);
    await call.write(controlMessage({ kind: 'begin', snapshotId, doubtful: false }));
    let count = 0n;
    for await (const groupIds of idsOf(this.store, GROUP_KIND))
      for (const groupId of groupIds) {
        const status = await this.status.find(groupId);
        if (status === undefined || status.deleted) continue;
        count += 1n;
        await call.write({ ...EMPTY, status });
      }
    const position = { sequence: last, entryId: lastId };
    await call.write(controlMessage({ kind: 'end', snapshotId, count, position }));
    return position;
  }

  async #sendState({ last, lastId }: LogPage, call: Watch): Promise<void> {
    await call.write(controlMessage({ kind: 'state', last: { sequence: last, entryId: lastId }, otherProcessAt: 0 }));
  }
}
