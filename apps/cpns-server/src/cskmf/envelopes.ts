/** The envelopes of one version for the members of one Personal Network. */
import type { MemberEnvelope } from '@cpns/contracts';
import { makeEnvelope } from '@cpns/group-key';
import { at, Store, type RecordRef, pagesOf } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import type { KeyRecord } from '../entities/records';
import { Osg } from '../osg/osg';
import { RecentRecords } from '../recent-records/recent-records';
import { MemberKeys } from './member-keys';
import { isGiven } from './recipients';
import { groupAggregate, RECIPIENT, recipientName, recipientsSet } from './records';

const PAGE = 500;

@Injectable()
export class Envelopes {
  constructor(
    private readonly store: Store,
    private readonly recent: RecentRecords,
    private readonly osg: Osg,
    private readonly keys: MemberKeys,
  ) {}

  /** E of each entity of a Personal Network that a version is given to, whether it has a key now or not. */
  async *recipientsOf(groupId: string, version: bigint, pnId: string): AsyncGenerator<readonly string[]> {
    const aggregate = groupAggregate(groupId);
    for await (const page of pagesOf(this.store, aggregate, recipientsSet(pnId), PAGE)) {
      const wanted: Record<string, RecordRef<typeof RECIPIENT.fields>> = Object.fromEntries(
        page.map((entity) => [entity, at(RECIPIENT, recipientName(entity))]),
      );
      const found = await this.recent.read(aggregate, wanted);
      const given = page.filter((entity) => isGiven(found[entity]?.spans ?? [], version));
      if (given.length > 0) yield given;
    }
  }

  /** One envelope for each of these that has a live key; the others are left out: they pull once they have one. */
  async *envelopesFor(groupId: string, version: bigint, entities: readonly string[]): AsyncGenerator<MemberEnvelope> {
    for await (const { entity, key } of this.keys.liveKeysOf(entities))
      if (key !== undefined) yield { entity, own: await this.envelopeFor(groupId, version, entity, key) };
  }

  /** For one member, under its S as of now. S is destroyed. @throws CpnsError as Osg.use */
  async envelopeFor(groupId: string, version: bigint, entity: string, { secret, keyId }: KeyRecord): Promise<Buffer> {
    try {
      return await this.osg.use(groupId, version, (groupKey) =>
        makeEnvelope(secret, keyId, { groupId, version, entity }, groupKey),
      );
    } finally {
      secret.destroy();
    }
  }
}
