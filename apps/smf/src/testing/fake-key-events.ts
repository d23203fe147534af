import { WatchGroupKeyEventsResponse, type GroupKeyStatus, type WatchGroupKeyEventsRequest } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { randomBytes } from 'node:crypto';

interface Alert {
  readonly groupId: string;
  readonly entryId: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** CSKMF's log of alerts, as SMF sees it. */
export class FakeKeyEvents {
  /** The positions from which it was followed, in order. */
  readonly watched: bigint[] = [];
  #alerts: Alert[] = [];
  #trimmedTo = 0;
  readonly #wake = new Set<() => void>();
  readonly #open = new Set<AbortController>();

  /** @param statuses of all groups that live */
  constructor(
    private readonly isAway: () => boolean,
    private readonly statuses: () => readonly GroupKeyStatus[],
  ) {}

  tell(groupId: string): void {
    this.#alerts.push({ groupId, entryId: randomBytes(16) });
    this.#wakeAll();
  }

  /** Alerts that were told are let go. */
  trim(): void {
    this.#trimmedTo = this.#alerts.length;
  }

  /** As a store does that lost its last writes: others take their places. */
  lose(): void {
    this.#alerts = this.#alerts.map(({ groupId }) => ({ groupId, entryId: randomBytes(16) }));
  }

  /** Ends all streams, as a Server does that stops. */
  interrupt(): void {
    for (const over of [...this.#open]) over.abort();
  }

  watch({ lastSequence, lastEntryId }: WatchGroupKeyEventsRequest, signal?: AbortSignal) {
    this.watched.push(lastSequence);
    const over = new AbortController();
    this.#open.add(over);
    over.signal.addEventListener('abort', () => this.#open.delete(over), { once: true });
    const cancel = () => over.abort();
    signal?.addEventListener('abort', cancel, { once: true });
    return { cancel, [Symbol.asyncIterator]: () => this.#messages(Number(lastSequence), lastEntryId, over) };
  }

  async *#messages(
    after: number,
    entryId: Buffer,
    over: AbortController,
  ): AsyncGenerator<WatchGroupKeyEventsResponse, void> {
    if (this.isAway()) throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the CPNS Server is away');
    let last = after;
    const known = this.#alerts[last - 1]?.entryId ?? NOTHING;
    if (last < this.#trimmedTo || last > this.#alerts.length || !known.equals(entryId)) {
      last = this.#alerts.length;
      yield* this.#snapshot(last);
    }
    while (!over.signal.aborted) {
      const woken = this.#woken(over);
      for (; last < this.#alerts.length; last++) yield this.#alert(last);
      await woken;
    }
  }

  /** @param upTo taken before anything is read: what comes meanwhile follows */
  *#snapshot(upTo: number): Generator<WatchGroupKeyEventsResponse> {
    const snapshotId = randomBytes(16);
    yield WatchGroupKeyEventsResponse.fromPartial({ snapshotBegin: { snapshotId, doubtful: false } });
    const statuses = this.statuses();
    for (const status of statuses) yield WatchGroupKeyEventsResponse.fromPartial({ status });
    yield WatchGroupKeyEventsResponse.fromPartial({
      sequence: BigInt(upTo),
      entryId: this.#alerts[upTo - 1]?.entryId ?? NOTHING,
      snapshotEnd: { snapshotId, count: BigInt(statuses.length) },
    });
  }

  #alert(index: number): WatchGroupKeyEventsResponse {
    const { groupId, entryId } = this.#alerts[index]!;
    const at = { sequence: BigInt(index + 1), entryId };
    const isLast = this.#alerts.findLastIndex((alert) => alert.groupId === groupId) === index;
    if (!isLast) return WatchGroupKeyEventsResponse.fromPartial({ ...at, superseded: {} });
    return WatchGroupKeyEventsResponse.fromPartial({
      ...at,
      status: this.statuses().find((status) => status.groupId === groupId),
    });
  }

  #woken(over: AbortController): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wake.delete(wake);
        resolve();
      };
      this.#wake.add(wake);
      over.signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#wake]) wake();
  }
}
