/** What CSKMF alerts of versions that no change of membership caused, as who follows it sees it. */
import {
  GroupKeyManagementServiceService,
  type WatchGroupKeyEventsRequest,
  type WatchGroupKeyEventsResponse,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import type { Connection } from '@cpns/grpc';
import { setTimeout as sleep } from 'node:timers/promises';

const AGAIN_MS = 200;

/** An entry of the log. */
export interface Alert {
  readonly sequence: bigint;
  readonly groupId?: string;
  /** The newest of its group when the alert was sent; absent where a later alert is about the same group. */
  readonly version?: bigint;
}

type Position = Readonly<Pick<WatchGroupKeyEventsRequest, 'lastSequence' | 'lastEntryId'>>;

/** Follows the log of a deployment from where it stands, by one replica or the other, and takes each entry once. */
export class AlertLog {
  readonly alerts: Alert[] = [];
  /** Groups that each snapshot was of. */
  readonly snapshots: string[][] = [];
  /** How often it was opened again after it broke. */
  resumed = 0;
  #staged: string[] | undefined;
  #stopped = false;
  readonly #following: Promise<void>;

  #position: Position;

  /**
   * @param connections one is taken after the other when the one before does not answer
   * @param position after which it goes on
   */
  constructor(
    private readonly connections: readonly Connection[],
    position: Position = { lastSequence: 0n, lastEntryId: Buffer.alloc(0) },
  ) {
    this.#position = position;
    this.#following = this.#follow();
  }

  /** Where it stands. */
  get position(): Position {
    return this.#position;
  }

  /** Of one group, in the order in which they came. */
  of(groupId: string): readonly bigint[] {
    return this.alerts.flatMap((alert) =>
      alert.groupId === groupId && alert.version !== undefined ? [alert.version] : [],
    );
  }

  /** @throws what the log was refused with */
  stop(): Promise<void> {
    this.#stopped = true;
    for (const connection of this.connections) connection.close();
    return this.#following;
  }

  async #follow(): Promise<void> {
    for (let attempt = 0; !this.#stopped; attempt += 1) {
      const connection = this.connections[attempt % this.connections.length]!;
      try {
        const { watchGroupKeyEvents } = connection.client(GroupKeyManagementServiceService);
        for await (const message of watchGroupKeyEvents(this.#position)) this.#take(message);
      } catch (error) {
        if (this.#stopped) return;
        if (!(error instanceof CpnsError) || error.code !== 'UNAVAILABLE') throw error;
      }
      this.resumed += 1;
      await sleep(AGAIN_MS);
    }
  }

  #take({ sequence, entryId, status, superseded, snapshotBegin, snapshotEnd }: WatchGroupKeyEventsResponse): void {
    if (snapshotBegin !== undefined) this.#staged = [];
    else if (this.#staged !== undefined && status !== undefined && sequence === 0n) this.#staged.push(status.groupId);
    else if (snapshotEnd !== undefined) this.snapshots.push(this.#staged ?? []);
    else if (status !== undefined)
      this.alerts.push({ sequence, groupId: status.groupId, version: status.versions.at(-1)?.version ?? 0n });
    else if (superseded !== undefined) this.alerts.push({ sequence });
    if (snapshotEnd !== undefined) this.#staged = undefined;
    if (sequence > 0n) this.#position = { lastSequence: sequence, lastEntryId: entryId };
  }
}
