/** What a device keeps past the rules of the SDK, for the trial with bare code (membership/bare). */
import type { GroupKeyDelivery } from '@cpns/contracts';
import type { LocalDevice } from '@cpns/testing';
import { readContent } from '../membership/bare/content';
import { Hoarder } from '../membership/bare/hoarder';

/** A device that copies every Group Key that it has, again and again, and what passes by it. */
export class Hoard {
  readonly #groupKeys = new Map<string, Buffer>();
  readonly #secrets = new Map<string, Buffer>();

  constructor(
    private readonly entity: string,
    private readonly local: LocalDevice,
    /** Devices behind the same gateway, whose envelopes it sees. */
    private readonly neighbours: readonly LocalDevice[],
  ) {}

  /** Copies what the device has now. */
  async copy(groupIds: readonly string[]): Promise<void> {
    const { live } = await this.local.read();
    if (live !== undefined) remember(this.#secrets, live.secret.expose());
    for (const groupId of groupIds)
      for (const key of await this.local.groupKeys(groupId)) remember(this.#groupKeys, key.expose());
  }

  /**
   * Whether a message opens with anything that it ever had.
   * @param pushed to it, past the SDK
   * @returns for each message
   */
  opens(messages: readonly Buffer[], pushed: readonly GroupKeyDelivery[] = []): readonly boolean[] {
    const deliveries = [this.local, ...this.neighbours].flatMap((one) => one.deliveries);
    const envelopes = [...deliveries, ...pushed].flatMap(({ statement, own }) =>
      statement !== undefined && own.length > 0 ? [{ ...statement, own }] : [],
    );
    const { entity } = this;
    const secrets = [...this.#secrets.values()];
    const hoarder = new Hoarder({ entity, secrets, groupKeys: [...this.#groupKeys.values()], envelopes });
    return messages.map((message) => hoarder.open(readContent(message)) !== undefined);
  }
}

function remember(all: Map<string, Buffer>, bytes: Uint8Array): void {
  const copy = Buffer.from(bytes);
  all.set(copy.toString('hex'), copy);
}
