import type { Standing } from '@cpns/group-key';
import { reasonOf } from '@cpns/core/testing';
import { STORE_LIMITS } from '@cpns/store';
import {
  networksIn,
  PlaceNotRead,
  StandingsTree,
  toNetworks,
  type StandingsNode,
  toEntities,
  toPn,
} from './standings-tree';

const STANDINGS = ['member', 'left', 'removed'] as const;
/** Of three PNs, one of them with most of the entities. */
const E = (n: number) =>
  `cpns://pn${n % 10 < 8 ? 1 : n % 10}.td.example/pne/${'an-entity-with-a-long-name-'.repeat(2)}${n}`;

describe('a tree of standings', () => {
  const model = new Map<string, Standing>();
  const versions = [new Map<string, StandingsNode>()];
  const tree = (version = versions.length - 1) => new StandingsTree(version, versions[version]!);

  const newest = () => ({ nodes: versions.at(-1)!, version: versions.length - 1 });

  const change = (moves: readonly { readonly entity: string; readonly to: Standing }[]) => {
    const changed = tree().with(moves);
    versions.push(new Map([...versions.at(-1)!, ...changed]));
    for (const { entity, to } of moves) model.set(entity, to);
    return changed;
  };

  beforeAll(() => {
    for (let from = 0; from < 2_000; from += 400)
      change(Array.from({ length: 400 }, (_, n) => ({ entity: E(from + n), to: STANDINGS[n % 3]! })));
    for (let n = 0; n < 20; n++) change([{ entity: E(n * 77), to: STANDINGS[(n + 1) % 3]! }]);
  });

  it('says of each what it became last, and of others that they are strangers', () => {
    for (const [entity, standing] of model) expect(tree().standingOf(entity)).toBe(standing);
    for (let n = 2_000; n < 2_100; n++) expect(tree().standingOf(E(n))).toBe('stranger');
  });

  it('changes few records for one entity, none of them large, however many there are', () => {
    const changed = [...new StandingsTree(versions.length - 1, versions.at(-1)!).with([{ entity: E(5), to: 'left' }])];
    expect(versions.at(-1)!.size).toBeGreaterThan(100);
    expect(changed.length).toBeLessThan(8);
    for (const [, node] of versions.at(-1)!) expect(JSON.stringify(node).length).toBeLessThan(4_500);
  });

  it('says which networks have members without reading whom', () => {
    const { nodes, version } = newest();
    const leads = toNetworks();
    const read = [...nodes].filter(([place]) => leads(place)).map(([, node]) => node);
    expect(read.length).toBeLessThan(nodes.size / 5);
    expect([...networksIn(read)].sort()).toEqual(['pn1', 'pn8', 'pn9']);
    const ofPn9 = [...model.keys()].filter((entity) => entity.startsWith('cpns://pn9.'));
    const changed = new StandingsTree(version, nodes).with(ofPn9.map((entity) => ({ entity, to: 'left' })));
    const after = [...new Map([...nodes, ...changed])].filter(([place]) => leads(place)).map(([, node]) => node);
    expect([...networksIn(after)].sort()).toEqual(['pn1', 'pn8']);
    for (const pnId of ['pn1', 'pn8', 'pn9']) {
      const isMember = ([entity, standing]: [string, Standing]) =>
        standing === 'member' && entity.startsWith(`cpns://${pnId}.`);
      const counted = read.map(
        ({ members = {}, entries = {} }) => (members[pnId] ?? 0) + Object.entries(entries).filter(isMember).length,
      );
      expect(counted.reduce((sum, count) => sum + count, 0)).toBe([...model].filter(isMember).length);
    }
  });

  it('lets a change of 1,000 be one commit in the largest group, with the longest names', () => {
    const long = (n: number) => `cpns://pn1.${'a'.repeat(60)}.${'b'.repeat(60)}.example/pne/${'c'.repeat(58)}${n}`;
    const joined = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => ({ entity: long(from + n), to: 'member' as const }));
    const large = new StandingsTree(0, new Map()).with(joined(10_000, 90_000));
    const changed = [...new StandingsTree(1, large).with(joined(0, 1_000)).values()];
    expect(2 * changed.length).toBeLessThan(STORE_LIMITS.commitItems - 100);
    expect(changed.reduce((sum, node) => sum + JSON.stringify(node).length, 0)).toBeLessThan(STORE_LIMITS.commitBytes);
  });

  it('is read along the paths of what is looked for alone', () => {
    const places = [...versions.at(-1)!.keys()];
    const entities = [E(1), E(2), E(2_001)];
    const along = places.filter(toEntities(entities));
    expect(along.length).toBeLessThan(25);
    const read = new StandingsTree(
      versions.length - 1,
      new Map(along.map((place) => [place, versions.at(-1)!.get(place)])),
    );
    expect(entities.map((entity) => read.standingOf(entity))).toEqual([model.get(E(1)), model.get(E(2)), 'stranger']);
    expect(() => read.standingOf(E(9))).toThrow(PlaceNotRead);
    const inPn = places.filter(toPn('pn9')).flatMap((place) => Object.keys(versions.at(-1)!.get(place)!.entries ?? {}));
    expect(inPn.filter((entity) => entity.includes('//pn9.')).sort()).toEqual(
      [...model.keys()].filter((entity) => entity.includes('//pn9.')).sort(),
    );
  });

  it.each<[string, (place: string) => StandingsNode | undefined]>([
    ['is not there', () => undefined],
    [
      'was put back',
      (place) => versions.findLast((nodes) => nodes.get(place) !== versions.at(-1)!.get(place))?.get(place),
    ],
  ])('shows that a record %s, to each whose path has it', (_what, tampered) => {
    for (const place of versions.at(-1)!.keys()) {
      const read = new StandingsTree(versions.length - 1, new Map([...versions.at(-1)!, [place, tampered(place)]]));
      const isOnPath = toPathsOf(place);
      for (const entity of [E(5), E(77), E(1_999)])
        expect(reasonOf(() => read.standingOf(entity))).toBe(isOnPath(entity) ? 'STORED_RECORD_INVALID' : 'accepted');
    }
  });

  const toPathsOf = (place: string) => (entity: string) => toEntities([entity])(place);
});
