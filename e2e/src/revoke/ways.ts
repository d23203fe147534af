/** The ways in that a device has at a gateway, and how soon each is refused once its right has ended. */
import type { GroupKeyDelivery } from '@cpns/contracts';
import { CAPABILITIES, type LocalDevice } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../rights/replicas';

/** Until a stream that was opened has reached its handler, milliseconds. */
const OPENING_MS = 500;
/** How long a new stream may stay open until it counts as let in, milliseconds. */
const NEW_STREAM_MS = 300;
const BETWEEN_MS = 15;
const GIVE_UP_MS = 8_000;
export const WITHIN_MS = 1_000;
/** What Server or SMF decide on themselves is never let in once the right has ended. */
export const AT_ONCE: readonly string[] = ['join', 'leave', 'report'];

/** What was seen of one way in. */
export interface Seen {
  readonly way: string;
  readonly reason: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** How often it was let in before. */
  readonly letIn: number;
}

export interface DeviceWays {
  /** A group that it is a member of. */
  readonly member: string;
  /** A group that is open to it. */
  readonly open: string;
}

/** A device with an open watch, which is tried in every way from the moment on that its right ends. */
export class Ways {
  /** What its watches were told. */
  readonly pushed: GroupKeyDelivery[] = [];
  readonly #watch: Promise<Seen>;

  constructor(
    private readonly local: LocalDevice,
    private readonly groups: DeviceWays,
    /** What a refusal is, of each way. */
    private readonly refusal: RegExp,
  ) {
    const ended = reasonOf(this.#read());
    this.#watch = ended.then((reason) => ({ way: 'open watch', reason, at: Date.now(), letIn: 0 }));
  }

  /** Resolves when its watch has reached the gateway. */
  opened(): Promise<void> {
    return sleep(OPENING_MS);
  }

  /** Tries every way until it is refused. */
  async refused(): Promise<readonly Seen[]> {
    const { local, groups } = this;
    // past the SDK, which keeps a leaver from asking again
    const calls = [
      this.#until('pull', () => local.ask(groups.member, 0n)),
      this.#until('join', () => local.device.call((rpc, how) => rpc.joinServiceGroup({ groupId: groups.open }, how))),
      this.#until('leave', () =>
        local.device.call((rpc, how) => rpc.leaveServiceGroup({ groupId: groups.member }, how)),
      ),
      this.#until('report', () => local.device.reportCapabilities(CAPABILITIES)),
    ];
    const open = Promise.race([
      this.#watch,
      sleep(GIVE_UP_MS, undefined, { ref: false }).then(() => ({
        way: 'open watch',
        reason: 'still open',
        at: Date.now(),
        letIn: 0,
      })),
    ]);
    // a new watch takes the place of the one that is open
    const anew = open.then(() => this.#until('new watch', () => this.#newWatch()));
    return Promise.all([open, anew, ...calls]);
  }

  async #until(way: string, attempt: () => Promise<unknown>): Promise<Seen> {
    const giveUp = Date.now() + GIVE_UP_MS;
    for (let letIn = 0; ;) {
      const reason = await reasonOf(attempt());
      const at = Date.now();
      if (this.refusal.test(reason) || at > giveUp) return { way, reason, at, letIn };
      if (reason === 'accepted') letIn += 1;
      await sleep(BETWEEN_MS);
    }
  }

  /** Accepted where it is open for long enough. */
  async #newWatch(): Promise<void> {
    const over = AbortSignal.timeout(NEW_STREAM_MS);
    await this.#read(over).catch((error: unknown) => {
      if (!over.aborted) throw error;
    });
  }

  #read(signal?: AbortSignal): Promise<void> {
    return this.local.device.call(async (rpc, how) => {
      const stream = rpc.watchGroupKeys({}, { ...how, ...(signal && { signal }) });
      for await (const { delivery } of stream) if (delivery !== undefined) this.pushed.push(delivery);
    });
  }
}
