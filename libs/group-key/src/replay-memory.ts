/**
 * What a member has opened in one group: (sender, session, counter) opens once.
 *
 * Memory is bounded, and its bounds never let a message open twice:
 *
 * | what there may be | beyond it |
 * |---|---|
 * | 4 open windows of a sender in a version | the one used longest ago is closed: its session-id is kept, and it opens nothing more |
 * | 1,024 sessions of a sender in a version, closed ones counted | an unknown session of that sender opens nothing in that version |
 * | 65,536 sessions in all | an unknown session opens nothing |
 *
 * A version that has retired opens no content, so that its part of the memory is dropped as a whole
 * ({@link ReplayMemory.forget}); that is what makes room.
 */
import { failedPrecondition } from '@cpns/core';
import type { ContentHeader } from './content-header';
import { ReplayWindow, type ReplayWindowState } from './replay-window';

export interface ReplayLimits {
  /** Open windows of one sender in one version. */
  readonly windows: number;
  /** Sessions of one sender in one version, open and closed. */
  readonly sessions: number;
  /** Sessions in all, open and closed. */
  readonly total: number;
}

export const REPLAY_LIMITS: ReplayLimits = { windows: 4, sessions: 1_024, total: 65_536 };

/** One sender in one version, in plain data, for a record of its own. */
export interface SenderReplayState {
  readonly version: bigint;
  /** E */
  readonly sender: string;
  /** Used longest ago first. */
  readonly windows: readonly (ReplayWindowState & { readonly session: Buffer })[];
  /** Session-ids of 16 bytes that open nothing more. */
  readonly closed: readonly Buffer[];
}

/** Keys are session-ids in hex. The map's order is that of use. */
interface SenderReplay {
  readonly version: bigint;
  readonly sender: string;
  readonly windows: Map<string, ReplayWindow>;
  readonly closed: Set<string>;
}

/** What of a header says whether it was opened before. */
export type ReplayHeader = Pick<ContentHeader, 'version' | 'sender' | 'session' | 'counter'>;

type Refusal = 'opened' | 'too-old' | 'session-closed' | 'sessions-of-sender' | 'sessions-in-all';

const replayed = (check: Refusal) =>
  failedPrecondition('CONTENT_REPLAYED', 'the message was opened before, or is too old to tell', {
    metadata: { check },
  });

const keyOf = ({ version, sender }: Pick<ReplayHeader, 'version' | 'sender'>): string => `${version} ${sender}`;

export class ReplayMemory {
  readonly #senders = new Map<string, SenderReplay>();
  #total = 0;

  /** @param states what {@link ReplayMemory.states} gave, in any order */
  constructor(
    states: readonly SenderReplayState[] = [],
    private readonly limits: ReplayLimits = REPLAY_LIMITS,
  ) {
    for (const { version, sender, windows, closed } of states) {
      const replay: SenderReplay = {
        version,
        sender,
        windows: new Map(windows.map((state) => [state.session.toString('hex'), ReplayWindow.of(state)])),
        closed: new Set(closed.map((session) => session.toString('hex'))),
      };
      this.#senders.set(keyOf(replay), replay);
      this.#total += replay.windows.size + replay.closed.size;
    }
  }

  /**
   * Marks an authentic message as opened; only then may its content be used.
   * @returns what changed, to be stored before the content is used: a device that crashes in between loses a message rather
   *   than opening it twice
   * @throws CpnsError CONTENT_REPLAYED with metadata `check`
   */
  accept(header: ReplayHeader): SenderReplayState {
    const refusal = this.#refusal(header);
    if (refusal !== undefined) throw replayed(refusal);
    const replay = this.#senderOf(header);
    const session = header.session.toString('hex');
    const known = replay.windows.get(session);
    if (known === undefined) this.#total += 1;
    else known.accept(header.counter);
    // taken out and put back: the map's order is that of use
    replay.windows.delete(session);
    replay.windows.set(session, known ?? ReplayWindow.startingAt(header.counter));
    this.#closeOldest(replay);
    return stateOf(replay);
  }

  /** True when {@link ReplayMemory.accept} would take the header: a cheap look before a message is opened. */
  isFresh(header: ReplayHeader): boolean {
    return this.#refusal(header) === undefined;
  }

  /** Drops what belongs to versions up to and including `version`, which have retired. */
  forget(version: bigint): void {
    for (const [key, replay] of this.#senders) {
      if (replay.version > version) continue;
      this.#senders.delete(key);
      this.#total -= replay.windows.size + replay.closed.size;
    }
  }

  states(): SenderReplayState[] {
    return [...this.#senders.values()].map(stateOf);
  }

  /** Sessions in all, open and closed. */
  get size(): number {
    return this.#total;
  }

  #refusal(header: ReplayHeader): Refusal | undefined {
    const replay = this.#senders.get(keyOf(header));
    const session = header.session.toString('hex');
    if (replay?.closed.has(session) === true) return 'session-closed';
    const window = replay?.windows.get(session);
    if (window !== undefined) return window.isFresh(header.counter) ? undefined : 'opened';
    if (replay !== undefined && replay.windows.size + replay.closed.size >= this.limits.sessions)
      return 'sessions-of-sender';
    return this.#total >= this.limits.total ? 'sessions-in-all' : undefined;
  }

  #senderOf(header: ReplayHeader): SenderReplay {
    const key = keyOf(header);
    const { version, sender } = header;
    const replay = this.#senders.get(key) ?? { version, sender, windows: new Map(), closed: new Set() };
    this.#senders.set(key, replay);
    return replay;
  }

  #closeOldest({ windows, closed }: SenderReplay): void {
    const [oldest] = windows.keys();
    if (windows.size <= this.limits.windows || oldest === undefined) return;
    windows.delete(oldest);
    closed.add(oldest);
  }
}

const stateOf = ({ version, sender, windows, closed }: SenderReplay): SenderReplayState => ({
  version,
  sender,
  windows: [...windows].map(([session, window]) => ({ session: Buffer.from(session, 'hex'), ...window.state() })),
  closed: [...closed].map((session) => Buffer.from(session, 'hex')),
});
