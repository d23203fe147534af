import type { DeliveryMode } from '@cpns/testing';

/** A group has no fewer and no more members than this, apart from what one batch takes or adds. */
export const LEAST = 4;
export const MOST = 16;

/** One change of a group's members. */
export interface Change {
  /** E of each. */
  readonly joined?: readonly string[];
  readonly left?: readonly string[];
}

/** How a group of the campaign is set up. */
export interface GroupTerms {
  readonly groupId: string;
  readonly delivery: DeliveryMode;
  /** Devices may join by themselves. */
  readonly openToJoin: boolean;
}

/** A message that was sealed, as everybody on the link may have kept it. */
export interface SealedMessage {
  readonly groupId: string;
  readonly version: bigint;
  /** E */
  readonly sender: string;
  readonly sealed: Buffer;
  readonly plaintext: Buffer;
}

/**
 * Who is a member of which version, as the campaign knows it from what it did: each change of membership is one revision
 * and one version, and a version is its members' alone.
 */
export class GroupModel {
  readonly messages: SealedMessage[] = [];
  /** Taken out by an operator, who alone may let them in again. */
  readonly removed = new Set<string>();
  readonly #versions: ReadonlySet<string>[] = [];

  constructor(
    readonly terms: GroupTerms,
    first: readonly string[],
  ) {
    this.#versions.push(new Set(first));
  }

  get groupId(): string {
    return this.terms.groupId;
  }

  get newest(): bigint {
    return BigInt(this.#versions.length);
  }

  /** E of each member of a version, of the newest by default, in an order that does not depend on who was faster. */
  members(version = this.newest): readonly string[] {
    return [...(this.#versions[Number(version) - 1] ?? [])].sort();
  }

  isMember(entity: string, version = this.newest): boolean {
    return this.#versions[Number(version) - 1]?.has(entity) === true;
  }

  /** A member of each version from this one on. */
  stayedFrom(entity: string, version: bigint): boolean {
    return this.#versions.slice(Number(version) - 1).every((members) => members.has(entity));
  }

  /** A member of some version between this one and the newest. */
  wasMemberAfter(entity: string, version: bigint): boolean {
    return this.#versions.slice(Number(version), -1).some((members) => members.has(entity));
  }

  /** A member of some version below this one. */
  wasMemberBefore(entity: string, version: bigint): boolean {
    return this.#versions.slice(0, Number(version) - 1).some((members) => members.has(entity));
  }

  wasEverMember(entity: string): boolean {
    return this.#versions.some((members) => members.has(entity));
  }

  change({ joined = [], left = [] }: Change): void {
    const members = new Set(this.members());
    for (const entity of left) members.delete(entity);
    for (const entity of joined) members.add(entity);
    this.#versions.push(members);
  }
}
