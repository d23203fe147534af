import type { NewGroup } from '@cpns/testing';
import type { Choices } from './choices';
import type { Community } from './community';
import { inOrder, type Participant } from './participant';

/** One change of a group's members. */
export interface Change {
  readonly joined: readonly Participant[];
  readonly left: readonly Participant[];
}

/** How a group of the campaign is set up. */
export type GroupTerms = Required<Pick<NewGroup, 'groupId' | 'delivery' | 'openToJoin'>>;

/** A message that was sealed, as everybody on the link may have kept it. */
export interface SealedMessage {
  readonly version: bigint;
  readonly sender: Participant;
  readonly sealed: Buffer;
  readonly plaintext: Buffer;
}

/** What the campaign counts. */
export class Tally extends Map<string, number> {
  add(what: string, count = 1): void {
    this.set(what, (this.get(what) ?? 0) + count);
  }
}

export interface LifeContext {
  readonly community: Community;
  readonly choices: Choices;
  readonly tally: Tally;
}

/**
 * Who is a member of which version, as the campaign knows it from what it did: each change of membership is one revision
 * and one version, and a version is its members' alone.
 */
export class GroupModel {
  readonly messages: SealedMessage[] = [];
  /** Taken out by an operator, who alone may let them in again. */
  readonly removed = new Set<Participant>();
  readonly #versions: ReadonlySet<Participant>[] = [];

  constructor(
    readonly terms: GroupTerms,
    first: readonly Participant[],
    protected readonly context: LifeContext,
  ) {
    this.#versions.push(new Set(first));
  }

  get groupId(): string {
    return this.terms.groupId;
  }

  get newest(): bigint {
    return BigInt(this.#versions.length);
  }

  /** Of a version, of the newest by default. */
  members(version = this.newest): readonly Participant[] {
    return inOrder(this.#versions[Number(version) - 1] ?? []);
  }

  /** The versions that it was a member of, oldest first. */
  versionsOf(who: Participant): readonly bigint[] {
    return this.#versions.flatMap((members, index) => (members.has(who) ? [BigInt(index + 1)] : []));
  }

  isMember(who: Participant, version = this.newest): boolean {
    return this.versionsOf(who).includes(version);
  }

  /** A member of some version below this one; of any by default. */
  wasMemberBefore(who: Participant, version = this.newest + 1n): boolean {
    return this.versionsOf(who).some((one) => one < version);
  }

  protected changeMembers({ joined, left }: Change): void {
    this.#versions.push(new Set([...this.members().filter((who) => !left.includes(who)), ...joined]));
  }
}
