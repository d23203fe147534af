/** GK-PUSH: Group Keys as a gateway is sent them, for the members in its Personal Network. Made when they are sent. */
import type { GatewayGroupKeyDelivery, MemberEnvelope } from '@cpns/contracts';
import { Clock } from '@cpns/core';
import { RecentRecords } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { deliveryOf, Envelopes, sizeOf } from './recipients';
import { GROUP, groupAggregate, SignedStatements, stateOf, type GroupKeyVersion } from './records';

const NONE: readonly GroupKeyVersion[] = [];

@Injectable()
export class GroupKeyDeliveries {
  constructor(
    private readonly recent: RecentRecords,
    private readonly envelopes: Envelopes,
    private readonly statements: SignedStatements,
    private readonly clock: Clock,
  ) {}

  /**
   * The newest version of a group that pushes, in parts, or the end of a group of either kind.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE, DEADLINE, INTERNAL of the KMC; STORED_RECORD_INVALID
   */
  async *newest(groupId: string, pnId: string): AsyncGenerator<GatewayGroupKeyDelivery> {
    const head = await this.head(groupId);
    if (head?.deletedAt !== undefined)
      yield deliveryOf(this.statements.ofTheEnd(groupId, head.newest, head.deletedAt), []);
    else for (const version of (await this.pushed(groupId)).slice(-1)) yield* this.deliver(groupId, version, pnId);
  }

  /** The versions that members need now: the active one, and the newest if that is another. @throws as {@link newest} */
  async *inUse(groupId: string, pnId: string): AsyncGenerator<GatewayGroupKeyDelivery> {
    for (const version of await this.pushed(groupId)) yield* this.deliver(groupId, version, pnId);
  }

  /** Of a group that pushes. */
  private async pushed(groupId: string): Promise<readonly GroupKeyVersion[]> {
    const head = await this.head(groupId);
    if (head?.description.delivery !== 'push') return NONE;
    const now = this.clock.now();
    return head.versions.filter((one) => one.version === head.newest || stateOf(head, one, now) === 'active');
  }

  private async head(groupId: string) {
    return (await this.recent.read(groupAggregate(groupId), { head: at(GROUP) })).head;
  }

  private async *deliver(groupId: string, version: GroupKeyVersion, pnId: string) {
    const statement = this.statements.of(groupId, version);
    for await (const part of partsOf(this.envelopesOf(groupId, version.version, pnId)))
      yield deliveryOf(statement, part.envelopes, part);
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
