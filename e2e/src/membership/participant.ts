import { CpnsError } from '@cpns/core';
import { parseContentHeader } from '@cpns/group-key';
import { waitUntil, type AdmitOptions, type Deployment } from '@cpns/testing';
import { admitLocally, type LocalDevice } from '../support/local-device';
import type { SeenEnvelope } from './bare/hoarder';
import { patiently, untilAnswered } from './patience';

/** A device that joined or left by itself. */
export interface Changed {
  readonly entity: string;
  /** The first one that it is a member from, or none; not there where the answer that said so was lost. */
  readonly revision?: bigint;
}

/** A device of the campaign: it watches for pushes, and keeps what the SDK forgets. */
export class Participant {
  /** Every Group Key that it had, by its bytes in hex. */
  readonly #hoard = new Map<string, Buffer>();

  private constructor(
    readonly entity: string,
    readonly pn: string,
    private readonly local: LocalDevice,
    /** Every envelope that it was given, by pull and by push. */
    readonly envelopes: readonly SeenEnvelope[],
  ) {}

  static async provision(deployment: Deployment, pn: string, admission: AdmitOptions): Promise<Participant> {
    const envelopes: SeenEnvelope[] = [];
    const { entity, local, oneTimeString } = await admitLocally(deployment, admission, {
      onGroupKeyDelivery: ({ statement, own }) => {
        if (statement !== undefined && own.length > 0)
          envelopes.push({ groupId: statement.groupId, version: statement.version, own: Buffer.from(own) });
      },
    });
    return new Participant(entity, pn, (await local.enrol(oneTimeString)).watch(), envelopes);
  }

  get #groups() {
    return this.local.groups;
  }

  /** Every Group Key that it had at a time when it was asked to hoard. */
  get groupKeys(): readonly Buffer[] {
    return [...this.#hoard.values()];
  }

  /** S */
  async secret(): Promise<Buffer> {
    return Buffer.from((await this.local.liveKey()).secret.expose());
  }

  /** Copies the Group Keys that it has now. */
  async hoard(groupId: string): Promise<void> {
    for (const key of await this.local.groupKeys(groupId)) {
      const bytes = Buffer.from(key.expose());
      this.#hoard.set(bytes.toString('hex'), bytes);
    }
  }

  /** Asks to become a member, or to be one no longer: once past the SDK, which says at which revision, and by the SDK. */
  async change(kind: 'join' | 'leave', groupId: string): Promise<Changed> {
    const method = kind === 'join' ? 'joinServiceGroup' : 'leaveServiceGroup';
    const { value, again } = await untilAnswered(() =>
      this.local.device.call((rpc, how) => rpc[method]({ groupId }, how)),
    );
    // a member that joins stays one; a leaver's SDK forgets the keys
    await patiently(() => this.#groups[kind](groupId));
    // an answer that was lost said which revision it was; the next one may speak of a later one
    return { entity: this.entity, ...(!again && { revision: value.membershipRevision }) };
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

  async seal(groupId: string, plaintext: Buffer): Promise<{ readonly sealed: Buffer; readonly version: bigint }> {
    const sealed = await this.#groups.seal(groupId, plaintext);
    return { sealed, version: parseContentHeader(sealed).version };
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
