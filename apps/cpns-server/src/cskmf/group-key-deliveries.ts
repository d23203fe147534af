/** GK-PUSH: Group Keys as a gateway is sent them, for the members in its Personal Network. Made when they are sent. */
import type { GatewayGroupKeyDelivery, MemberEnvelope } from '@cpns/contracts';
import { Clock } from '@cpns/core';
import { GRACE_MS } from '@cpns/group-key';
import { RecentRecords } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { deliveryOf, Envelopes, sizeOf } from './recipients';
import {
  GROUP,
  groupAggregate,
  SignedStatements,
  stateOf,
  type GroupKeyVersion,
  type KeyedGroupRecord,
} from './records';

const NONE: readonly GroupKeyVersion[] = [];
const NO_ENVELOPES: readonly MemberEnvelope[] = [];

@Injectable()
export class GroupKeyDeliveries {
  constructor(
    private readonly recent: RecentRecords,
    private readonly envelopes: Envelopes,
    private readonly statements: SignedStatements,
    private readonly clock: Clock,
  ) {}

  /**
   * What a gateway is sent after a change, in parts: the newest version of a group that pushes, and the one in use before it
   * where those who join get that; of a group of either kind that no older version opens any more, and the end.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE, INTERNAL of the KMC; STORED_RECORD_INVALID
   */
  async *newest(groupId: string, pnId: string): AsyncGenerator<GatewayGroupKeyDelivery> {
    const head = await this.head(groupId);
    if (head === undefined) return;
    const { newest, deletedAt, description } = head;
    if (deletedAt !== undefined) yield deliveryOf(this.statements.ofTheEnd(groupId, newest, deletedAt), NO_ENVELOPES);
    else if (description.joinKeepsVersion) yield* this.inUse(groupId, pnId);
    else yield* this.deliver(head, pnId, this.pushed(head).slice(-1));
  }

  /** The versions that members need now: the active one, and the newest if that is another. @throws as {@link newest} */
  async *inUse(groupId: string, pnId: string): AsyncGenerator<GatewayGroupKeyDelivery> {
    const head = await this.head(groupId);
    if (head !== undefined && head.deletedAt === undefined) yield* this.deliver(head, pnId, this.pushed(head));
  }

  /** Of a group that pushes. */
  private pushed(head: KeyedGroupRecord): readonly GroupKeyVersion[] {
    if (head.description.delivery !== 'push') return NONE;
    const now = this.clock.now();
    return head.versions.filter((one) => one.version === head.newest || stateOf(head, one, now) === 'active');
  }

  private async head(groupId: string) {
    return (await this.recent.read(groupAggregate(groupId), { head: at(GROUP) })).head;
  }

  private async *deliver(head: KeyedGroupRecord, pnId: string, versions: readonly GroupKeyVersion[]) {
    const { groupId, delivery } = head.description;
    if (delivery === 'pull') yield* this.emergencyOf(head);
    for (const version of versions) {
      let parts = 0;
      for await (const part of partsOf(this.envelopesOf(groupId, version.version, pnId))) {
        parts += 1;
        yield deliveryOf(this.statements.of(groupId, version), part.envelopes, part);
      }
      if (parts === 0 && version.emergency === true)
        yield deliveryOf(this.statements.of(groupId, version), NO_ENVELOPES);
    }
  }

  /** The statement alone by which a gateway knows that all older versions are over. */
  private *emergencyOf(head: KeyedGroupRecord) {
    const now = this.clock.now();
    const version = head.versions.findLast(({ activateAt }) => activateAt + GRACE_MS <= now);
    if (version !== undefined) yield deliveryOf(this.statements.of(head.description.groupId, version), NO_ENVELOPES);
  }

  private async *envelopesOf(groupId: string, version: bigint, pnId: string): AsyncGenerator<MemberEnvelope> {
    for await (const recipients of this.envelopes.recipientsOf(groupId, version, pnId))
      yield* this.envelopes.envelopesFor(groupId, version, recipients);
  }
}

/** A message of the channel has at most so many envelopes, and so many bytes of them. */
export const PART_ENVELOPES = 500;
export const PART_BYTES = 160_000;

/** A part of a pushed version. */
export interface PushedPart extends Pick<GatewayGroupKeyDelivery, 'part' | 'more'> {
  readonly envelopes: readonly MemberEnvelope[];
}

/** Envelopes in parts, in order; none of no envelope. */
export async function* partsOf(envelopes: AsyncIterable<MemberEnvelope>): AsyncGenerator<PushedPart> {
  let part = 0;
  let waiting: MemberEnvelope[] = [];
  let bytes = 0;
  for await (const envelope of envelopes) {
    const size = sizeOf(envelope);
    if (waiting.length === PART_ENVELOPES || (waiting.length > 0 && bytes + size > PART_BYTES)) {
      yield { part, more: true, envelopes: waiting };
      part += 1;
      waiting = [];
      bytes = 0;
    }
    waiting.push(envelope);
    bytes += size;
  }
  if (waiting.length > 0) yield { part, more: false, envelopes: waiting };
}
