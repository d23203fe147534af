/**
 * Who is a member of a Service Group, and who was one, as a tree of records: each names the version of the records below
 * it, and the group's record that of the root. All are under their MACs, so that a missing entry shows, and that an entity
 * is in none of them is proved by the few records on its path.
 *
 * ```
 * path of E = first 3 hex digits of SHA-256(pn-id), then SHA-256(E) in hex: the entities of a PN are neighbours
 * leaf        entries {E: standing}, split by the next digit of their paths above LEAF_BYTES
 * others      below {digit: version of the record whose place is longer by that digit}
 * place of 3  besides members {pn-id: count}: which PNs have any is known without reading what is below
 * ```
 */
import { createHash } from 'node:crypto';
import { CpnsError, parseEntityUri } from '@cpns/core';
import type { Move, Standing } from '@cpns/group-key';
import { at, byName, defineRecord, type Found, jsonField, optional, type RecordRef, type ValueIn } from '@cpns/store';

export const STANDINGS = defineRecord('standings', {
  /** Of the tree whose change wrote this record. */
  version: jsonField<number>(),
  entries: optional(jsonField<Readonly<Record<string, Exclude<Standing, 'stranger'>>>>()),
  below: optional(jsonField<Readonly<Record<string, number>>>()),
  /** Where `below` is that of a whole PN: how many members it has, and others whose path begins so, by pn-id. */
  members: optional(jsonField<Readonly<Record<string, number>>>()),
});
export type StandingsNode = ValueIn<typeof STANDINGS>;

type NodeName = `standings.${string}`;
/** Records of a tree by their names, beside others that a use case reads. */
export type WantedNodes = Readonly<Record<NodeName, RecordRef<(typeof STANDINGS)['fields']>>>;
type FoundNodes = Found<WantedNodes>;

const nameOf = (place: string): NodeName => `standings.${place}`;

export const wantedNodes = (places: Iterable<string>): WantedNodes =>
  byName([...places], nameOf, (place) => at(STANDINGS, nameOf(place)));

/** Records as they are put, of places. */
export const nodePuts = (nodes: readonly (readonly [place: string, node: StandingsNode])[]) =>
  byName(
    nodes,
    ([place]) => nameOf(place),
    ([, node]) => node,
  );

/** What was found of wanted records, by place. */
export const nodesIn = (wanted: WantedNodes, found: FoundNodes): Map<string, StandingsNode | undefined> =>
  new Map(Object.keys(wanted).map((name) => [name.slice(nameOf('').length), found[name as NodeName]]));

/** Bytes of entries in one record: 1,000 of them fit one commit. */
const LEAF_BYTES = 4_096;
/** Of the longest standing, its quotes and commas: a split does not depend on which standings there are. */
const ENTRY_BYTES = 16;
const PN_DIGITS = 3;

const hexDigest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
const pathOfPn = (pnId: string): string => hexDigest(pnId).slice(0, PN_DIGITS);

/** Says of a place whether what is looked for may be at it or below. */
export type Leads = (place: string) => boolean;

export const toAll: Leads = () => true;

export function toPn(pnId: string): Leads {
  const path = pathOfPn(pnId);
  return (place) => place.startsWith(path) || path.startsWith(place);
}

/** To which PNs have members. @param pnId of the one that is looked for; all without it */
export function toNetworks(pnId?: string): Leads {
  const leads = pnId === undefined ? toAll : toPn(pnId);
  return (place) => place.length <= PN_DIGITS && leads(place);
}

/** The pn-ids of members, in what {@link toNetworks} leads to. */
export function networksIn(nodes: Iterable<StandingsNode>): Set<string> {
  const pns = new Set<string>();
  for (const { entries = {}, members = {} } of nodes) {
    for (const [entity, standing] of Object.entries(entries))
      if (standing === 'member') pns.add(parseEntityUri(entity).pnId);
    for (const [pnId, count] of Object.entries(members)) if (count > 0) pns.add(pnId);
  }
  return pns;
}

export function toEntities(entities: readonly string[]): Leads {
  const paths = entities.map((entity) => placed(entity).path);
  const byDepth: Set<string>[] = [];
  return (place) => (byDepth[place.length] ??= new Set(paths.map((path) => path.slice(0, place.length)))).has(place);
}

/** The tree has other records than those that were read: a change in between made it grow. */
export class PlaceNotRead extends CpnsError {
  constructor() {
    super('CONFLICT', 'the members of the Service Group change all the time: try again');
  }
}

export const invalidStandings = (): CpnsError =>
  new CpnsError('STORED_RECORD_INVALID', 'the stored standings of a Service Group are not those that its record names');

type Moved = Pick<Move, 'entity' | 'to'>;
interface Placed extends Moved {
  readonly pnId: string;
  readonly path: string;
}

function placed(entity: string, to: Standing = 'stranger'): Placed {
  const { pnId } = parseEntityUri(entity);
  return { entity, to, pnId, path: pathOfPn(pnId) + hexDigest(entity) };
}

function byDigit(entries: readonly Placed[], depth: number): Map<string, Placed[]> {
  const groups = new Map<string, Placed[]>();
  for (const entry of entries) {
    const digit = entry.path.charAt(depth);
    const group = groups.get(digit);
    if (group === undefined) groups.set(digit, [entry]);
    else group.push(entry);
  }
  return groups;
}

const bytesOf = (entities: readonly string[]): number =>
  entities.reduce((sum, entity) => sum + entity.length + ENTRY_BYTES, 0);

/** Differences in the number of members by pn-id. */
class Counts {
  readonly #counts = new Map<string, number>();

  add({ pnId, to }: Placed, by: number): this {
    if (to === 'member') this.#count(pnId, by);
    return this;
  }

  addAll(other: Counts): void {
    for (const [pnId, by] of other.#counts) this.#count(pnId, by);
  }

  onTopOf(members: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
    const sum = new Counts();
    for (const [pnId, count] of [...Object.entries(members), ...this.#counts]) sum.#count(pnId, count);
    return Object.fromEntries(sum.#counts);
  }

  #count(pnId: string, by: number): void {
    this.#counts.set(pnId, (this.#counts.get(pnId) ?? 0) + by);
  }
}

/** Those records of a tree that were read. */
export class StandingsTree {
  constructor(
    /** As the group's record names it; 0 for a tree without records. */
    readonly version: number,
    private readonly nodes: ReadonlyMap<string, StandingsNode | undefined>,
  ) {}

  /** @throws PlaceNotRead; CpnsError STORED_RECORD_INVALID */
  standingOf(entity: string): Standing {
    const { path } = placed(entity);
    let version = this.version;
    for (let depth = 0; version !== 0; depth++) {
      const { entries, below } = this.#node(path.slice(0, depth), version);
      if (entries !== undefined) return entries[entity] ?? 'stranger';
      version = below?.[path.charAt(depth)] ?? 0;
    }
    return 'stranger';
  }

  /**
   * The records that change with the standings of some entities, by place.
   * @throws PlaceNotRead; CpnsError STORED_RECORD_INVALID
   */
  with(moves: readonly Moved[]): Map<string, StandingsNode> {
    const changed = new Map<string, StandingsNode>();
    const all = moves.map(({ entity, to }) => placed(entity, to));
    if (all.length > 0) this.#change('', this.version, all, changed);
    return changed;
  }

  /** @returns how many members more, or less, each PN has */
  #change(place: string, before: number, moved: readonly Placed[], changed: Map<string, StandingsNode>) {
    const version = this.version + 1;
    const { entries = {}, below, members } = before === 0 ? {} : this.#node(place, before);
    const counts = new Counts();
    let others = below ?? {};
    let moving = moved;
    if (below === undefined) {
      const now = { ...entries, ...Object.fromEntries(moved.map(({ entity, to }) => [entity, to])) };
      // no move leads to a stranger
      const kept = now as NonNullable<StandingsNode['entries']>;
      if (bytesOf(Object.keys(kept)) <= LEAF_BYTES) {
        changed.set(place, { version, entries: kept });
        for (const move of moved) counts.add(move, 1).add({ ...move, to: entries[move.entity] ?? 'stranger' }, -1);
        return counts;
      }
      const isMoved = new Set(moved.map(({ entity }) => entity));
      const staying = Object.entries(entries).filter(([entity]) => !isMoved.has(entity));
      moving = [...staying.map(([entity, standing]) => placed(entity, standing)), ...moved];
      others = {};
    }
    const versions = { ...others };
    for (const [digit, some] of byDigit(moving, place.length)) {
      counts.addAll(this.#change(place + digit, others[digit] ?? 0, some, changed));
      versions[digit] = version;
    }
    changed.set(place, {
      version,
      below: versions,
      ...(place.length === PN_DIGITS && { members: counts.onTopOf(members) }),
    });
    // of a record that was split, those below were counted anew
    for (const [entity, standing] of Object.entries(entries)) counts.add(placed(entity, standing), -1);
    return counts;
  }

  /** {@link with} as a decision puts it: the tree's version afterwards, and records that were read. @throws as with */
  puts(moves: readonly Moved[]): {
    readonly standings: number;
    readonly puts: Readonly<Record<NodeName, StandingsNode>>;
  } {
    const changed = this.with(moves);
    if ([...changed.keys()].some((place) => !this.nodes.has(place))) throw new PlaceNotRead();
    return { standings: this.version + (changed.size > 0 ? 1 : 0), puts: nodePuts([...changed]) };
  }

  #node(place: string, version: number): StandingsNode {
    if (!this.nodes.has(place)) throw new PlaceNotRead();
    const node = this.nodes.get(place);
    if (node?.version !== version) throw invalidStandings();
    return node;
  }
}
