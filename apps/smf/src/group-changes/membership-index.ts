/**
 * In which groups an entity has, or had, a place: sets of its Personal Network, which say where to look, and no more.
 *
 * ```
 * member-of.<E>  <group-id>.<revision>-<change-id>  put there before CSKMF hears of the change to that revision, with which it
 *                                                   gets a place; taken out once it gave its place up with a later revision
 * ending.<E>     <group-id>                         what it had when its right ended, until it is out of the group
 * ended.<E>      <group-id>                         those that its last end took it out of
 * ```
 *
 * An entry is that of one change, so that what is taken out late is never what a later change put there.
 */
import { CpnsError, type EntityName, forEach, inChunks, parseEntityUri } from '@cpns/core';
import { sha256 } from '@cpns/key-derivation';
import { BackgroundLoop, pnAggregate } from '@cpns/platform';
import { allMembers, idsOf, type SetChange, Store } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GROUP_KIND, type PendingRecord } from './groups';
import { Groups } from './read-groups';

export type PlaceSet = 'member-of' | 'ending' | 'ended';

/** Set changes of one commit. */
const CHUNK = 1_000;
/** Groups that are looked through at a time, each with all its members. */
const GROUPS_AT_ONCE = 4;

/** An entity's name may be longer than that of a set or a record. */
export const digestOfEntity = (entity: string): string => sha256(Buffer.from(entity)).toString('hex');

const setOf = (set: PlaceSet, entity: string): string => `${set}.${digestOfEntity(entity)}`;

/** What is about entities, by their Personal Networks. */
export function byPn<T extends { readonly entity: string }>(all: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const one of all) {
    const { pnId } = parseEntityUri(one.entity);
    const ofPn = found.get(pnId) ?? [];
    found.set(pnId, ofPn);
    ofPn.push(one);
  }
  return found;
}

/** The change with which entities get a place. */
type PlacingChange = Pick<PendingRecord, 'revision' | 'changeId'>;

/** That of the groups that were there before the index. */
const UNKNOWN: PlacingChange = { revision: 0n, changeId: '' };

const entryOf = (groupId: string, { revision, changeId }: PlacingChange): string =>
  `${groupId}.${revision}-${changeId}`;
const groupOf = (entry: string): string => entry.slice(0, entry.lastIndexOf('.'));
const revisionOf = (entry: string): bigint => BigInt(entry.slice(groupOf(entry).length + 1).split('-', 1)[0] ?? '');

/** A change of one entity's sets. */
interface PlaceChange extends SetChange {
  readonly entity: string;
}

const placesOf = (groupId: string, change: PlacingChange, entities: readonly string[]): PlaceChange[] =>
  entities.map((entity) => ({ entity, set: setOf('member-of', entity), member: entryOf(groupId, change) }));

@Injectable()
export class MembershipIndex extends BackgroundLoop {
  #filled: Promise<void> | undefined;

  constructor(
    private readonly store: Store,
    private readonly groups: Groups,
    private readonly logger: Logger,
  ) {
    super();
  }

  /** Fills it, so that the first right that ends does not wait for that. */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      await this.#fill();
    } catch (error) {
      this.logger.warn('the members of groups are looked for again when they are needed', { error });
    }
  }

  /** Before CSKMF is asked for the change with which the entities get a place. */
  add(groupId: string, change: PlacingChange, entities: readonly string[]): Promise<void> {
    return this.#commit('addTo', placesOf(groupId, change, entities));
  }

  /** The change was refused. */
  takeBack(groupId: string, change: PlacingChange, entities: readonly string[]): Promise<void> {
    return this.#commit('removeFrom', placesOf(groupId, change, entities));
  }

  /** Once the entities gave up their places with that revision. */
  async remove(groupId: string, revision: bigint, entities: readonly string[]): Promise<void> {
    const isOver = (entry: string) => groupOf(entry) === groupId && revisionOf(entry) <= revision;
    await this.#commit('removeFrom', await this.#found('member-of', entities, isOver));
  }

  /** The right of the entities ended: what they had until now ends. Idempotent, and goes on where it was interrupted. */
  async beginEnd(entities: readonly string[]): Promise<void> {
    await this.#fill();
    await this.#commit('removeFrom', await this.#found('ended', entities));
    const places = await this.#found('member-of', entities);
    await this.#commit(
      'addTo',
      places.map(({ entity, member }) => ({ entity, set: setOf('ending', entity), member: groupOf(member) })),
    );
    await this.#commit('removeFrom', places);
  }

  /** The entities are out of the group. @param hadPlace those that had a place until then */
  async finishEnd(groupId: string, entities: readonly string[], hadPlace: readonly string[]): Promise<void> {
    const changes = (set: PlaceSet, some: readonly string[]) =>
      some.map((entity) => ({ entity, set: setOf(set, entity), member: groupId }));
    await this.#commit('addTo', changes('ended', hadPlace));
    await this.#commit('removeFrom', changes('ending', entities));
  }

  /** Those of the entities whose end is still to take them out of a group. */
  async endingIn(groupId: string, entities: readonly string[]): Promise<readonly string[]> {
    return (await this.#found('ending', entities, (member) => member === groupId)).map(({ entity }) => entity);
  }

  /** The entities by the groups that they have an entry of, in their order. Groups from before there was an index count too. */
  async byGroup(
    sets: readonly PlaceSet[],
    entities: readonly EntityName[],
  ): Promise<ReadonlyMap<string, readonly EntityName[]>> {
    await this.#fill();
    const groupIds = new Map<EntityName, ReadonlySet<string>>();
    await forEach(entities, async (entity) => groupIds.set(entity, await this.#groupsOf(sets, entity.uri)));
    const byGroup = new Map<string, EntityName[]>();
    for (const entity of entities)
      for (const groupId of groupIds.get(entity) ?? []) {
        const ofGroup = byGroup.get(groupId) ?? [];
        byGroup.set(groupId, ofGroup);
        ofGroup.push(entity);
      }
    return byGroup;
  }

  async #groupsOf(sets: readonly PlaceSet[], entity: string): Promise<ReadonlySet<string>> {
    const entries = await Promise.all(
      sets.map(async (set) => (await this.#entriesOf(set, entity)).map(set === 'member-of' ? groupOf : (id) => id)),
    );
    return new Set(entries.flat());
  }

  #entriesOf(set: PlaceSet, entity: string): Promise<string[]> {
    return allMembers(this.store, pnAggregate(parseEntityUri(entity).pnId), setOf(set, entity));
  }

  async #found(
    set: PlaceSet,
    entities: readonly string[],
    isMeant: (entry: string) => boolean = () => true,
  ): Promise<PlaceChange[]> {
    const found: PlaceChange[] = [];
    await forEach(entities, async (entity) => {
      for (const member of await this.#entriesOf(set, entity))
        if (isMeant(member)) found.push({ entity, set: setOf(set, entity), member });
    });
    return found;
  }

  async #commit(what: 'addTo' | 'removeFrom', changes: readonly PlaceChange[]): Promise<void> {
    await forEach([...byPn(changes)], async ([pnId, ofPn]) => {
      const items = ofPn.map(({ set, member }) => ({ set, member }));
      for (const some of inChunks(items, CHUNK)) await this.store.commit(pnAggregate(pnId), { [what]: some });
    });
  }

  /** Once in each process, at its start or before the sets are read first. */
  #fill(): Promise<void> {
    return (this.#filled ??= this.#addAll().catch((error: unknown) => {
      this.#filled = undefined;
      throw error;
    }));
  }

  async #addAll(): Promise<void> {
    for await (const groupIds of idsOf(this.store, GROUP_KIND))
      for (const some of inChunks(groupIds, GROUPS_AT_ONCE)) {
        if (this.over.aborted) throw new CpnsError('CALL_CANCELLED', 'the service stops');
        await forEach(some, (groupId) => this.#addGroup(groupId));
      }
  }

  /** One whose records are no good is left out: it must not keep the right of others from ending. */
  async #addGroup(groupId: string): Promise<void> {
    try {
      const snapshot = await this.groups.snapshot(groupId);
      if (snapshot === undefined || snapshot.group.state === 'deleted') return;
      const missing: string[] = [];
      await forEach([...snapshot.members, ...snapshot.suspended], async (entity) => {
        if (!(await this.#groupsOf(['member-of', 'ending'], entity)).has(groupId)) missing.push(entity);
      });
      await this.add(groupId, UNKNOWN, missing);
    } catch (error) {
      if (!(error instanceof CpnsError) || error.reason !== 'STORED_RECORD_INVALID') throw error;
      this.logger.error('the members of a group are not found again', { group: groupId, error });
    }
  }
}
