import { RevocationKind, type EndReport } from '@cpns/contracts';
import { CpnsError, type EntityName } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { Acknowledgements, subjectsOf } from './acknowledgements';
import { DueEnds } from './due-ends';
import { EndEntity } from './end-entity';
import type { How } from './endings';
import { MembershipEnds } from './membership-ends';
import { NameList } from './name-list';
import { wholeOf, type Facts } from './scope';

/** What a rest is to SMF. */
export const REST_KINDS = {
  suspend: RevocationKind.REVOCATION_KIND_SUSPEND,
  resume: RevocationKind.REVOCATION_KIND_RESUME,
} as const;

const NOTHING = new NameList().toWire();

/** Suspends and resumes the key of an entity, which keeps its life and its place in its groups. */
@Injectable()
export class RestKey {
  constructor(
    private readonly entities: EndEntity,
    private readonly due: DueEnds,
    private readonly memberships: MembershipEnds,
    private readonly acknowledgements: Acknowledgements,
  ) {}

  /**
   * @param keyId of the key that is meant; empty for the newest
   * @param decided called once it cannot fail any more
   * @throws CpnsError NOT_FOUND; KEY_REVOKED, also where another key took the place of the one that is meant; KEY_EXPIRED
   */
  async execute(
    entity: EntityName,
    keyId: string,
    event: 'suspend' | 'resume',
    how: How,
    decided: () => void,
  ): Promise<EndReport> {
    const before = await this.entities.look(entity, wholeOf(keyId));
    if (before.key === undefined) throw new CpnsError('NOT_FOUND', 'the entity has no key');
    // what is refused leaves nothing due
    const changes = await this.entities.rest(entity, keyId, event, true);
    if (how.isDry)
      return this.report(event, changes ? { ...before, revision: before.revision + 1n } : before, changes, [], how);
    const { life, revision } = before;
    const end = { kind: 'rest' as const, name: entity.uri, life, revision, keepGrace: how.keepGrace };
    const items = changes ? await this.due.add([end]) : [];
    if (changes) await this.entities.rest(entity, keyId, event, false);
    decided();
    const after = await this.entities.look(entity, wholeOf());
    return this.report(event, after, after.key === (event === 'suspend' ? 'suspended' : 'live'), items, how);
  }

  private async report(
    event: 'suspend' | 'resume',
    facts: Facts,
    isSo: boolean,
    items: readonly string[],
    how: How,
  ): Promise<EndReport> {
    const { entity, life, revision } = facts;
    const members = isSo ? [{ entity: entity.uri, life, revision }] : [];
    const [{ groups, isComplete }, waiting] = await Promise.all([
      this.memberships.ask(members, { ...how, kind: REST_KINDS[event] }),
      how.isDry ? [] : this.acknowledgements.waitingFor(subjectsOf([{ ...facts, revoked: [] }])),
    ]);
    if (isComplete) await this.due.remove(items);
    return {
      complete: isComplete,
      entities: new NameList(isSo ? [entity.uri] : []).toWire(),
      admissions: NOTHING,
      firstSeeds: NOTHING,
      cas: NOTHING,
      groups: groups.toWire(),
      gatewaysWaiting: new NameList(waiting).toWire(),
    };
  }
}
