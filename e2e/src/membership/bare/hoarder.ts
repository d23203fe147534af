/**
 * A member that keeps whatever it ever got or saw, and tries all of it on whatever it can lay hands on: with `node:crypto`
 * and the formulas of protocol.md, without a rule of the SDK in its way.
 */
import { contentKey, openContent, type Content } from './content';
import { commitment, readEnvelope, unwrap, wrapKey, type Version } from './keys';

/** An envelope that passed by, for whomever it was. */
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
  readonly entity: string;
  /** Group Keys that it came by, and its secrets, in case one was taken for a Group Key; by their bytes in hex. */
  readonly #keys = new Map<string, Buffer>();
  readonly #contentKeys = new Map<string, Buffer>();
  /** Group Keys that it got out of envelopes, by whose envelope: `<group> <version> <E>`. */
  readonly unwrapped = new Map<string, Buffer>();
  tries = 0;

  constructor(loot: Loot) {
    this.entity = loot.entity;
    for (const key of [...loot.groupKeys, ...loot.secrets]) this.#keys.set(key.toString('hex'), key);
    for (const envelope of loot.envelopes) this.#ransack(envelope, loot);
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

  /** One envelope, with every secret: as it was meant, and as if it had been meant for this member. */
  #ransack({ groupId, version, own }: SeenEnvelope, { secrets, entity }: Loot): void {
    const { entity: addressee, wrap } = readEnvelope(own);
    for (const secret of secrets)
      for (const name of new Set([addressee, entity])) {
        this.tries++;
        const groupKey = unwrap(wrapKey(secret, { groupId, version }, name), wrap);
        if (groupKey === undefined) continue;
        this.#keep(groupKey);
        this.unwrapped.set(`${groupId} ${version} ${addressee}`, groupKey);
      }
  }

  #keep(key: Buffer): void {
    this.#keys.set(key.toString('hex'), key);
  }
}
