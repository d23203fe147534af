/** Service Groups as they stand, with the standings of their members authenticated. */
import { inChunks, parseEntityUri } from '@cpns/core';
import type { Standing } from '@cpns/group-key';
import { listPage, at, type PageRequest, Records, Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { AdoptSets } from './adopt-sets';
import { GROUP, GROUP_KIND, groupAggregate, type ServiceGroupRecord } from './groups';
import {
  invalidStandings,
  type Leads,
  networksIn,
  nodesIn,
  PlaceNotRead,
  StandingsTree,
  type StandingsNode,
  toAll,
  toEntities,
  toNetworks,
  toPn,
  wantedNodes,
  type WantedNodes,
} from './standings-tree';

/** A group with members as they were at one moment. */
export interface GroupSnapshot {
  readonly group: ServiceGroupRecord;
  /** E of each, sorted. */
  readonly members: readonly string[];
  /** E of each whose place is kept while its right rests, sorted. */
  readonly suspended: readonly string[];
}

interface ReadTree {
  readonly group: ServiceGroupRecord;
  readonly nodes: ReadonlyMap<string, StandingsNode>;
}

/** A tree is read level by level: a change in between means to begin again, which a group that changes all the time may spoil. */
const ATTEMPTS_MAX = 10;
/** Records read, or deleted, at once. */
const AT_ONCE = 1_000;

@Injectable()
export class Groups {
  constructor(
    private readonly records: Records,
    private readonly store: Store,
    private readonly sets: AdoptSets,
  ) {}

  /** Also one that was deleted, or is only being made. */
  async find(groupId: string): Promise<ServiceGroupRecord | undefined> {
    return (await this.records.read(groupAggregate(groupId), { group: at(GROUP) })).group;
  }

  /** A page of what {@link find} finds. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async list(request: PageRequest): Promise<{ readonly found: readonly ServiceGroupRecord[]; readonly next: string }> {
    const { items, next } = await listPage(this.store, GROUP_KIND, request);
    const found = await Promise.all(items.map((groupId) => this.find(groupId)));
    return { found: found.filter((group) => group !== undefined), next };
  }

  /**
   * A group with all its members, or with those of one PN; of a group that was deleted there are none.
   * @returns undefined for a group that is not there, or is only being made
   * @throws CpnsError CONFLICT when changes are always faster; STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE
   */
  async snapshot(groupId: string, pnId?: string): Promise<GroupSnapshot | undefined> {
    const group = await this.find(groupId);
    if (group === undefined || group.state === 'creating') return undefined;
    if (group.state === 'deleted') return { group, members: [], suspended: [] };
    const tree = await this.#read(groupId, pnId === undefined ? toAll : toPn(pnId));
    if (tree === undefined) return undefined;
    const all = [...tree.nodes.values()].flatMap(({ entries = {} }) => Object.entries(entries));
    const those = (wanted: Standing) =>
      all
        .filter(
          ([entity, standing]) => standing === wanted && (pnId === undefined || pnId === parseEntityUri(entity).pnId),
        )
        .map(([entity]) => entity)
        .sort();
    return { group: tree.group, members: those('member'), suspended: those('suspended') };
  }

  /** Of some entities in a group; none where it is not there or was deleted. Errors are those of {@link snapshot}. */
  async standingsOf(groupId: string, entities: readonly string[]): Promise<ReadonlyMap<string, Standing>> {
    const tree = await this.#read(groupId, toEntities(entities));
    if (tree === undefined || tree.group.state === 'deleted') return new Map();
    const standings = new StandingsTree(tree.group.standings ?? 0, tree.nodes);
    return new Map(entities.map((entity) => [entity, standings.standingOf(entity)]));
  }

  /**
   * A group with the pn-ids of its members, or whether there is the one; of a deleted group those that it had when it ended,
   * until {@link forget}. Errors are those of {@link snapshot}.
   */
  async networks(
    groupId: string,
    pnId?: string,
  ): Promise<{ readonly group: ServiceGroupRecord; readonly pns: ReadonlySet<string> } | undefined> {
    const tree = await this.#read(groupId, toNetworks(pnId));
    return tree && { group: tree.group, pns: networksIn(tree.nodes.values()) };
  }

  /**
   * Runs work that reads or changes the standings of some entities in one transaction, with the records that it needs to
   * read there; again where the tree grew meanwhile.
   * @throws CpnsError what the work throws; CONFLICT, STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE
   */
  async withStandings<T>(
    groupId: string,
    entities: readonly string[],
    work: (wanted: WantedNodes) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++)
      try {
        return await work(wantedNodes(await this.#placesOf(groupId, entities)));
      } catch (error) {
        if (!(error instanceof PlaceNotRead) || attempt === ATTEMPTS_MAX) throw error;
      }
  }

  /**
   * Of a deleted group nothing is needed but that it was. Idempotent, and goes on where it was interrupted.
   * @param before called with E of those that are forgotten next
   */
  async forget(groupId: string, before: (entities: readonly string[]) => Promise<void>): Promise<void> {
    const nodes = (await this.#read(groupId, toAll))?.nodes ?? new Map<string, StandingsNode>();
    // those that name no others first: what is left after a crash is found again from the root
    for (const some of inChunks([...nodes.keys()].reverse(), AT_ONCE)) {
      await before(some.flatMap((place) => Object.keys(nodes.get(place)?.entries ?? {})));
      const wanted = wantedNodes(some);
      const put = Object.fromEntries(Object.keys(wanted).map((name) => [name, null]));
      await this.records.transact(groupAggregate(groupId), wanted, () => ({ result: undefined, put }));
    }
  }

  /** The places on the paths of those entities, and the places that are new once each of them is in the tree. */
  async #placesOf(groupId: string, entities: readonly string[]): Promise<Iterable<string>> {
    const tree = entities.length === 0 ? undefined : await this.#read(groupId, toEntities(entities));
    if (tree === undefined || tree.group.state === 'deleted') return [];
    const { group, nodes } = tree;
    const changed = new StandingsTree(group.standings ?? 0, nodes).with(
      entities.map((entity) => ({ entity, to: 'member' })),
    );
    return new Set([...nodes.keys(), ...changed.keys()]);
  }

  /** @param leads to what is looked for @returns undefined without a group */
  async #read(groupId: string, leads: Leads): Promise<ReadTree | undefined> {
    let failed: number | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const group = await this.find(groupId);
      if (group === undefined) return undefined;
      if (group.standings === undefined) {
        await this.sets.execute(groupId);
        continue;
      }
      const nodes = await this.#nodes(group, group.standings, leads);
      if (nodes !== undefined) return { group, nodes };
      // the tree cannot have changed in between, since its version only rises
      if (failed === group.standings) throw invalidStandings();
      failed = group.standings;
    }
    throw new PlaceNotRead();
  }

  /** @returns each after the one above it; undefined where one is not of the version that the one above it names */
  async #nodes({ description: { groupId }, state }: ServiceGroupRecord, version: number, leads: Leads) {
    const nodes = new Map<string, StandingsNode>();
    let level = version === 0 ? [] : [{ place: '', version }];
    while (level.length > 0) {
      const next: typeof level = [];
      for (const some of inChunks(level, AT_ONCE)) {
        const wanted = wantedNodes(some.map(({ place }) => place));
        const found = nodesIn(wanted, await this.records.read(groupAggregate(groupId), wanted));
        for (const named of some) {
          const node = found.get(named.place);
          // of a deleted group some may be gone already
          if (node === undefined && state === 'deleted') continue;
          if (node?.version !== named.version) return undefined;
          nodes.set(named.place, node);
          for (const [digit, below] of Object.entries(node.below ?? {}))
            if (leads(named.place + digit)) next.push({ place: named.place + digit, version: below });
        }
      }
      level = next;
    }
    return nodes;
  }
}
