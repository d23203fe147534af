/** What ends with a right, and what follows from that: each step may be done again, by any replica. */
import { RevocationKind, type EndedMember, type EndReport } from '@cpns/contracts';
import { inChunks, parseEntityUri, type EntityName } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { EntityIndex } from '../entities/entity-index';
import { LiveKeys } from '../entities/live-keys';
import { isInUse, type KeyRecord } from '../entities/records';
import { UserIndex } from '../entities/user-index';
import type { IdentityRecord } from '../gateways/records';
import { Acknowledgements, assignerSubject, subjectsOf, type Subjects } from './acknowledgements';
import { DueEnds } from './due-ends';
import { EndEntity } from './end-entity';
import { EndGateway, endingLifeOf, type Provision } from './end-gateway';
import { MembershipEnds } from './membership-ends';
import { NameList } from './name-list';
import { assignedIn, hasKey, isConcerned, isInForce, ofUser, type Facts, type Scope } from './scope';

/** Entities that are looked at at a time: each is an aggregate of its own. */
const AT_ONCE = 64;

export interface How {
  /** Messages under way still open: the new versions are no emergency. */
  readonly keepGrace: boolean;
  /** Nothing is changed: what would end is looked for. */
  readonly isDry: boolean;
  /** Until when it is waited for what follows, Unix milliseconds of the process. */
  readonly until: number;
  /** Ends the waiting sooner. */
  readonly signal?: AbortSignal;
}

/** What has ended, or with a dry run would. */
export interface Ending {
  readonly facts: readonly Facts[];
  /** What is due until SMF knows. */
  readonly items: readonly string[];
  /** False where not every entity was looked at within the time. */
  readonly isWhole: boolean;
}

/** What an operator is told beside it. */
interface Told {
  readonly subjects?: Subjects;
  readonly provision?: Provision;
}

const NO_PROVISION: Provision = { firstSeeds: [], cas: [] };
const NO_SUBJECTS: Subjects = new Map();
const NOTHING_ENDS: Ending = { facts: [], items: [], isWhole: true };

@Injectable()
export class Endings {
  constructor(
    private readonly entities: EndEntity,
    private readonly gateways: EndGateway,
    private readonly index: EntityIndex,
    private readonly users: UserIndex,
    private readonly keys: LiveKeys,
    private readonly due: DueEnds,
    private readonly memberships: MembershipEnds,
    private readonly acknowledgements: Acknowledgements,
  ) {}

  /** Of one entity. @throws CpnsError what the scope throws */
  async ofEntity(entity: EntityName, scope: Scope, how: How): Promise<Ending> {
    return this.endAll([await this.entities.look(entity, scope)], scope, how, true);
  }

  /** Of a gateway: its identity, and all that it assigned. @param isMeant of an identity that is live */
  async ofGateway(
    identity: IdentityRecord,
    how: How,
    isMeant: (identity: IdentityRecord) => boolean = () => true,
  ): Promise<Ending> {
    const { entity: gateway } = identity;
    const life = endingLifeOf(identity);
    const isDue = !how.isDry && identity.state === 'live';
    const end = { kind: 'gateway' as const, name: gateway, life, revision: 0n, keepGrace: how.keepGrace };
    const items = isDue ? await this.due.add([end]) : [];
    const ended = how.isDry ? life : await this.gateways.end(gateway, isMeant);
    if (ended === undefined) return NOTHING_ENDS;
    const ending = await this.assignedBy(gateway, ended, how);
    // each of its entities has an item of its own now
    if (ending.isWhole) await this.due.remove(items);
    return ending;
  }

  /** Of what a gateway assigned in a life or before; its gateways hear of the assigner's end. */
  async assignedBy(gateway: string, life: bigint, how: How): Promise<Ending> {
    const { pnId } = parseEntityUri(gateway);
    // it assigns in its own Personal Network only
    return this.endPages(this.index.of(pnId), assignedIn(gateway, life), how, false);
  }

  /** Of what a CPNS User has by admissions until then. @param until Unix milliseconds */
  async ofUser(user: string, until: number, how: How): Promise<Ending> {
    return this.endPages(this.users.of(user), ofUser(user, until), how, true);
  }

  /**
   * Ends a key whose assigner was revoked, and with it the entity's life, before the next key is registered or once it was
   * registered too late: it would be in its groups again otherwise.
   * @returns true where that changed something
   */
  async settle(entity: EntityName, key: KeyRecord | undefined): Promise<boolean> {
    if (key === undefined || !isInUse(key) || (await this.keys.isAssignerInForce(key))) return false;
    const scope = assignedIn(key.assigner, key.assignerLife ?? 1n);
    await this.ofEntity(entity, scope, { keepGrace: false, isDry: false, until: 0 });
    return true;
  }

  /** Has SMF follow; what it does not know in time stays due. @returns true once it has */
  async follow(
    { facts, items }: Ending,
    how: How,
  ): Promise<{ readonly groups: NameList; readonly isComplete: boolean }> {
    const members = membersOf(facts, how.isDry);
    const answer = await this.memberships.ask(members, { ...how, kind: RevocationKind.REVOCATION_KIND_REVOKE });
    if (answer.isComplete) await this.due.remove(items);
    return answer;
  }

  /** What has followed by now, once SMF and the gateways had their time. */
  async report(ending: Ending, how: How, told: Told = {}): Promise<EndReport> {
    const { facts, isWhole } = ending;
    const [{ groups, isComplete }, waiting] = await Promise.all([
      this.follow(ending, how),
      this.acknowledgements.waitingFor(how.isDry ? NO_SUBJECTS : (told.subjects ?? subjectsOf(facts))),
    ]);
    const { firstSeeds, cas } = told.provision ?? NO_PROVISION;
    const isMeant = how.isDry ? hasKey : ({ key }: Facts) => key === 'ended';
    return {
      complete: isWhole && isComplete,
      entities: new NameList(facts.filter(isMeant).map(({ entity }) => entity.uri)).toWire(),
      admissions: new NameList(facts.flatMap(({ open, revoked }) => (how.isDry ? open : revoked))).toWire(),
      firstSeeds: new NameList(firstSeeds).toWire(),
      cas: new NameList(cas).toWire(),
      groups: groups.toWire(),
      gatewaysWaiting: new NameList(waiting).toWire(),
    };
  }

  /** What is told of a gateway that was ended with its entities, or with a dry run would be. */
  async reportOfGateway(identity: IdentityRecord, ending: Ending, how: How): Promise<EndReport> {
    const { entity: gateway, state } = identity;
    const isOver = how.isDry && state === 'revoked';
    const provision = isOver ? NO_PROVISION : await this.gateways.provisionOf(gateway, endingLifeOf(identity));
    // what it assigned ends with it: gateways are told of that alone
    return this.report(ending, how, { provision, subjects: assignerSubject(gateway) });
  }

  private async endPages(
    pages: AsyncIterable<readonly string[]>,
    scope: Scope,
    how: How,
    isTold: boolean,
  ): Promise<Ending> {
    const facts: Facts[] = [];
    const items: string[] = [];
    for await (const page of pages)
      for (const some of inChunks(page, AT_ONCE)) {
        if (Date.now() > how.until || how.signal?.aborted) return { facts, items, isWhole: false };
        const seen = await Promise.all(some.map((entity) => this.entities.look(parseEntityUri(entity), scope)));
        const ending = await this.endAll(seen.filter(isConcerned), scope, how, isTold);
        facts.push(...ending.facts);
        items.push(...ending.items);
      }
    return { facts, items, isWhole: true };
  }

  private async endAll(seen: readonly Facts[], scope: Scope, how: How, isTold: boolean): Promise<Ending> {
    const { keepGrace, isDry } = how;
    const due = seen
      .filter((one) => !isDry && hasKey(one))
      .map(({ entity, life, revision }) => {
        return { kind: 'entity' as const, name: entity.uri, life, revision, keepGrace };
      });
    const items = await this.due.add(due);
    const ended = seen.map(async (one) =>
      isDry || !isInForce(one) ? one : this.entities.end(one.entity, scope, isTold),
    );
    return { facts: await Promise.all(ended), items, isWhole: true };
  }
}

/** Whom SMF takes out of all groups: in the life that ended, or with a dry run would end. */
const membersOf = (facts: readonly Facts[], isDry: boolean): EndedMember[] =>
  facts
    .filter((one) => (isDry ? hasKey(one) : one.key === 'ended' && one.life > 1n))
    .map(({ entity, life, revision }) => ({ entity: entity.uri, life: isDry ? life : life - 1n, revision }));
