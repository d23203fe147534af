import { CpnsError } from '@cpns/core';
import { retried, waitUntil, type AdmitOptions, type Deployment, admitLocally, type LocalDevice } from '@cpns/testing';
import type { SeenEnvelope } from './bare/hoarder';

/** What a busy machine makes of a call, and what the loser of a race between two changes is told: try again. */
const isPassing = ({ reason }: CpnsError) => ['DEPENDENCY_UNAVAILABLE', 'CONFLICT'].includes(reason);
/** Longer than a device remembers that it was not answered. */
const PAUSE_MS = 3_200;

const untilAnswered = <T>(act: () => Promise<T>) => retried(act, { isPassing, everyMs: PAUSE_MS });
const patiently = async <T>(act: () => Promise<T>): Promise<T> => (await untilAnswered(act)).value;

/** In an order that does not depend on which was faster. */
export const inOrder = (some: Iterable<Participant>) => [...some].sort((a, b) => (a.entity < b.entity ? -1 : 1));

/** A device of the campaign: it watches for pushes, and keeps what the SDK forgets. */
export class Participant {
  /** Every Group Key that it had when it was asked to hoard, by its bytes in hex. */
  readonly groupKeys = new Map<string, Buffer>();

  private constructor(
    readonly entity: string,
    readonly pn: string,
    private readonly local: LocalDevice,
  ) {}

  static async provision(deployment: Deployment, pn: string, admission: AdmitOptions): Promise<Participant> {
    const { entity, local, oneTimeString } = await admitLocally(deployment, admission);
    return new Participant(entity, pn, (await local.enrol(oneTimeString)).watch());
  }

  /** Every envelope that it was given. */
  get envelopes(): readonly SeenEnvelope[] {
    return this.local.deliveries.flatMap(({ statement, own }) =>
      statement !== undefined && own.length > 0 ? [{ ...statement, own }] : [],
    );
  }

  get #groups() {
    return this.local.groups;
  }

  /** S */
  async secret(): Promise<Buffer> {
    return Buffer.from((await this.local.liveKey()).secret.expose());
  }

  /** Copies the Group Keys that it has now. */
  async hoard(groupId: string): Promise<void> {
    for (const key of await this.local.groupKeys(groupId)) {
      const bytes = Buffer.from(key.expose());
      this.groupKeys.set(bytes.toString('hex'), bytes);
    }
  }

  /**
   * Asks to become a member, or to be one no longer: once past the SDK, which says at which revision, and by the SDK.
   * @returns the revision; undefined where the answer that said it was lost
   */
  async change(kind: 'join' | 'leave', groupId: string): Promise<bigint | undefined> {
    const method = kind === 'join' ? 'joinServiceGroup' : 'leaveServiceGroup';
    const hadLeft = (await this.#groups.status(groupId)).left;
    const { value, refused } = await untilAnswered(() =>
      this.local.device.call((rpc, how) => rpc[method]({ groupId }, how)),
    );
    // a member that joins stays one; a leaver's SDK forgets the keys
    await patiently(() => this.#groups[kind](groupId));
    // the SDK has refused a push that came before it knew that the device had joined again
    if (hadLeft) await patiently(() => this.#groups.pull(groupId));
    // the answer to another attempt may speak of a later revision
    return refused > 0 ? undefined : value.membershipRevision;
  }

  /** Let in by an operator, a device that left by itself takes no push before it asked for a key. */
  async comeBack(groupId: string): Promise<void> {
    if ((await this.#groups.status(groupId)).left) await patiently(() => this.#groups.pull(groupId));
  }

  /** Comes by a version in the way of its group: by a pull, or by waiting for the push. */
  async obtain(groupId: string, version: bigint, delivery: 'pull' | 'push'): Promise<void> {
    // a gateway whose notice is still on the way gives the version before
    const look = () =>
      delivery === 'pull' ? patiently(() => this.#groups.pull(groupId)) : this.#groups.status(groupId);
    const what = `version ${version} of ${groupId} for ${this.entity}`;
    await waitUntil(what, async () => (await look()).version >= version);
  }

  seal(groupId: string, plaintext: Buffer): Promise<Buffer> {
    return this.#groups.seal(groupId, plaintext);
  }

  async open(sealed: Buffer): Promise<Buffer> {
    return (await patiently(() => this.#groups.open(sealed))).plaintext;
  }

  /** Asks its gateway for a version, past the SDK's rules. @param version 0 for the newest */
  async ask(groupId: string, version: bigint): Promise<void> {
    await patiently(() => this.local.ask(groupId, version));
  }

  /** Whether its gateway has that version for it. */
  async isGiven(groupId: string, version: bigint): Promise<boolean> {
    try {
      await this.ask(groupId, version);
      return true;
    } catch (error) {
      if (error instanceof CpnsError && ['NOT_A_MEMBER', 'VERSION_NOT_GIVEN'].includes(error.reason)) return false;
      throw error;
    }
  }

  /** @throws what its watch ended with, if it ended by itself */
  close(): Promise<void> {
    return this.local.close();
  }
}

export const entitiesOf = (some: readonly Participant[]) => some.map(({ entity }) => entity);
