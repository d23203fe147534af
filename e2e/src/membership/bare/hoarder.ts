/**
 * A member that keeps whatever it ever got or saw, and tries all of it on whatever it can lay hands on: with `node:crypto`
 * and the formulas of protocol.md, without a rule of the SDK in its way.
 */
import { contentKey, openContent, type Content } from './content';
import { commitment, readEnvelope, unwrap, wrapKey, type Version } from './keys';

/** An envelope that passed by, for this member or another. */
export interface SeenEnvelope extends Version {
  readonly own: Buffer;
}

export interface Loot {
  /** E */
  readonly entity: string;
  /** Every S that it had. */
  readonly secrets: readonly Buffer[];
  /** Every Group Key that it had. */
  readonly groupKeys: readonly Buffer[];
  /** Every envelope on its gateway's link: its own and its neighbours', of all times. */
  readonly envelopes: readonly SeenEnvelope[];
}

export class Hoarder {
  /** Group Keys that it came by, and its secrets, in case one was taken for a Group Key; by their bytes in hex. */
  readonly #keys = new Map<string, Buffer>();
  readonly #contentKeys = new Map<string, Buffer>();
  /** Envelopes that it got a Group Key out of: `<group> <version> <E>`. */
  readonly unwrapped = new Set<string>();
  tries = 0;

  constructor({ entity, secrets, groupKeys, envelopes }: Loot) {
    for (const key of [...groupKeys, ...secrets]) this.#keys.set(key.toString('hex'), key);
    const distinct = new Map(envelopes.map((one) => [`${one.groupId} ${one.version} ${one.own.toString('hex')}`, one]));
    for (const envelope of distinct.values()) for (const secret of secrets) this.#ransack(envelope, secret, entity);
  }

  /** How many keys it tries on a message. */
  get keys(): number {
    return this.#keys.size;
  }

  /** @returns the plaintext, with the first key that opens it */
  open(content: Content): Buffer | undefined {
    const session = content.header.toString('latin1', 0, content.header.length - 8);
    for (const [name, key] of this.#keys) {
      this.tries++;
      const id = `${name} ${session}`;
      const sessionKey = this.#contentKeys.get(id) ?? contentKey(key, content);
      this.#contentKeys.set(id, sessionKey);
      const plaintext = openContent(sessionKey, content);
      if (plaintext !== undefined) return plaintext;
    }
    return undefined;
  }

  /** True when one of its keys is the one that a statement commits to. */
  holds(version: Version, gkc: Buffer): boolean {
    return [...this.#keys.values()].some((key) => commitment(key, version).equals(gkc));
  }

  /** One envelope, with one secret: as it was meant, and as if it had been meant for this member. */
  #ransack({ groupId, version, own }: SeenEnvelope, secret: Buffer, member: string): void {
    const { entity: addressee, wrap } = readEnvelope(own);
    for (const name of new Set([addressee, member])) {
      this.tries++;
      const groupKey = unwrap(wrapKey(secret, { groupId, version }, name), wrap);
      if (groupKey === undefined) continue;
      this.#keys.set(groupKey.toString('hex'), groupKey);
      this.unwrapped.add(`${groupId} ${version} ${addressee}`);
    }
  }
}
