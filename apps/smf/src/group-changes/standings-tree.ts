/**
 * Who is a member of a Service Group, and who was one, as a tree of records: each names the version of the records below
 * it, and the group's record that of the root. All are under their MACs, so that a missing entry shows, and that an entity
 * is in none of them is proved by the few records on its path.
 *
 * ```
 * path of E = first 3 hex digits of SHA-256(pn-id), then SHA-256(E) in hex: the entities of a PN are neighbours
 * leaf        entries {E: standing}, split by the next digit of their paths above LEAF_BYTES
 * others      below {digit: version of the record whose place is longer by that digit}
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
});
export type StandingsNode = ValueIn<typeof STANDINGS>;

type NodeName = `standings.${string}`;
/** Records of a tree by their names, beside others that a use case reads. */
export type WantedNodes = Readonly<Record<NodeName, RecordRef<(typeof STANDINGS)['fields']>>>;
type FoundNodes = Found<WantedNodes>;

const nameOf = (place: string): NodeName => `standings.${place}`;

export const wantedNodes = (places: Iterable<string>): WantedNodes =>
  byName([...places].map(nameOf), (name) => at(STANDINGS, name));

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
const pathOf = (entity: string): string => pathOfPn(parseEntityUri(entity).pnId) + hexDigest(entity);

/** Says of a place whether what is looked for may be at it or below. */
export type Leads = (place: string) => boolean;

export const toAll: Leads = () => true;

export function toPn(pnId: string): Leads {
  const path = pathOfPn(pnId);
  return (place) => place.startsWith(path) || path.startsWith(place);
}

export function toEntities(entities: readonly string[]): Leads {
  const paths = entities.map(pathOf);
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

interface Placed {
  readonly path: string;
  readonly entity: string;
  readonly standing: Standing;
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

/** Those records of a tree that were read. */
export class StandingsTree {
  constructor(
    /** As the group's record names it; 0 for a tree without records. */
    readonly version: number,
    private readonly nodes: ReadonlyMap<string, StandingsNode | undefined>,
  ) {}

  /** @throws PlaceNotRead; CpnsError STORED_RECORD_INVALID */
  standingOf(entity: string): Standing {
    const path = pathOf(entity);
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
  with(moves: readonly Pick<Move, 'entity' | 'to'>[]): Map<string, StandingsNode> {
    const changed = new Map<string, StandingsNode>();
    const version = this.version + 1;
    const change = (place: string, before: number, moved: readonly Placed[]): void => {
      const node = before === 0 ? undefined : this.#node(place, before);
      let below = node?.below;
      let placed = moved;
      if (below === undefined) {
        const all = {
          ...node?.entries,
          ...Object.fromEntries(moved.map(({ entity, standing }) => [entity, standing])),
        };
        const entries = Object.entries(all) as [string, Exclude<Standing, 'stranger'>][];
        if (entries.reduce((sum, [entity]) => sum + entity.length + ENTRY_BYTES, 0) <= LEAF_BYTES) {
          changed.set(place, { version, entries: Object.fromEntries(entries) });
          return;
        }
        placed = entries.map(([entity, standing]) => ({ path: pathOf(entity), entity, standing }));
        below = {};
      }
      const versions = { ...below };
      for (const [digit, some] of byDigit(placed, place.length)) {
        change(place + digit, below[digit] ?? 0, some);
        versions[digit] = version;
      }
      changed.set(place, { version, below: versions });
    };
    const placed = moves.map(({ entity, to }) => ({ path: pathOf(entity), entity, standing: to }));
    if (placed.length > 0) change('', this.version, placed);
    return changed;
  }

  /** {@link with} as a decision puts it: the tree's version afterwards, and records that were read. @throws as with */
  puts(moves: readonly Pick<Move, 'entity' | 'to'>[]): {
    readonly standings: number;
    readonly puts: Readonly<Record<NodeName, StandingsNode>>;
  } {
    const changed = this.with(moves);
    if ([...changed.keys()].some((place) => !this.nodes.has(place))) throw new PlaceNotRead();
    const nodes = [...changed.values()];
    const puts = byName([...changed.keys()].map(nameOf), (_name, index) => nodes[index]!);
    return { standings: this.version + (changed.size > 0 ? 1 : 0), puts };
  }

  #node(place: string, version: number): StandingsNode {
    if (!this.nodes.has(place)) throw new PlaceNotRead();
    const node = this.nodes.get(place);
    if (node?.version !== version) throw invalidStandings();
    return node;
  }
}
