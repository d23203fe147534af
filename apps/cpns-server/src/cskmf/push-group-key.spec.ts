/** GK-PUSH: what lies in the logs of the gateways after each change. */
import type { MemberEnvelope } from '@cpns/contracts';
import { dump, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { withStepChain } from '@cpns/telemetry';
import fc from 'fast-check';
import { gateway, pne, reasonOf, SMF, World, type CskmfProcess } from '../testing/world';
import { decodeTask, encodeTask, PART_BYTES, PART_ENVELOPES, partId, partsOf } from './push-group-key';

const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d', 'pn2')];
const [GW, SECOND, GW2, ENDED] = [gateway(), gateway('second'), gateway('gw', 'pn2'), gateway('ended')];

describe('pushes', () => {
  let temporary: TemporaryStore;
  let world: World;
  let server: CskmfProcess;
  beforeEach(async () => {
    temporary = await temporaryStore();
    world = await World.make(temporary.store);
    await world.register(A, B, C, D);
    await world.enrol(GW);
    await world.enrol(SECOND);
    await world.enrol(GW2);
    await world.enrol(ENDED, 'revoked');
    server = await world.process();
  });
  afterEach(() => temporary.dispose());

  const create = (members = [A, B, D], description = world.push('g')) =>
    server.keys.create({ description, members, membershipRevision: 1n }, SMF);
  const change = (membershipRevision: bigint, joined: string[], left: string[]) =>
    server.keys.update({ groupId: 'g', membershipRevision, joined, left }, SMF);
  /** Of each delivery its version, and whom it is for. */
  const seen = async (to: string) =>
    (await world.delivered(to)).map(({ entry }) => [
      entry.statement?.version,
      entry.envelopes.map(({ entity }) => entity),
    ]);

  it('go to each gateway of each PN with members, and open', async () => {
    await create();
    await server.push('g');
    expect([await seen(GW), await seen(SECOND), await seen(GW2), await seen(ENDED)]).toEqual([
      [[1n, [A, B]]],
      [[1n, [A, B]]],
      [[1n, [D]]],
      [],
    ]);
    for (const to of [GW, SECOND])
      for (const entity of [A, B]) expect(world.open(entity, (await world.delivered(to))[0]?.entry).version).toBe(1n);
  });

  it('bring each version to its recipients alone', async () => {
    await create();
    await change(2n, [C], [A, D]);
    await change(3n, [A], [B]);
    await server.push('g');
    expect([await seen(GW), await seen(GW2)]).toEqual([
      [[1n, [A, B]], [2n, [B, C]], [3n, [A, C]]], // prettier-ignore
      [[1n, [D]]],
    ]);
  });

  it('leave out whose key is not live', async () => {
    await create();
    await world.setKey(A, { state: 'revoked' });
    await world.setKey(D, { notAfter: world.clock.now() });
    await server.push('g');
    expect([await seen(GW), await seen(GW2)]).toEqual([[[1n, [B]]], []]);
  });

  it('are not made for a pull group, but for its end', async () => {
    await create([A, D], world.description('g'));
    await change(2n, [B], []);
    await server.push('g');
    expect([await seen(GW), await seen(GW2)]).toEqual([[], []]);
    await server.keys.delete({ groupId: 'g' }, SMF);
    await server.push('g');
    expect([await seen(GW), await seen(SECOND), await seen(GW2), await seen(ENDED)]).toEqual([
      [[3n, []]],
      [[3n, []]],
      [[3n, []]],
      [],
    ]);
    const [end] = await world.delivered(GW);
    expect(end?.entry.statement).toMatchObject({ previous: 2n, commitment: Buffer.alloc(0) });
  });

  it('are put there once, however often they are carried', async () => {
    await create();
    const outbox = await temporary.store.readLog({ kind: 'group', id: 'g' }, 'outbox', 0n, 10);
    await server.push('g');
    const before = await dump(temporary.store);
    await temporary.store.commit(
      { kind: 'group', id: 'g' },
      { append: outbox.entries.map(({ dedupeId, value }) => ({ log: 'outbox', dedupeId, value })) },
    );
    await Promise.all([server.push('g'), (await world.process()).push('g')]);
    const after = await dump(temporary.store);
    expect(after[`gateway/${GW}`]).toEqual(before[`gateway/${GW}`]);
    expect(after[`gateway/${GW2}`]).toEqual(before[`gateway/${GW2}`]);
  });

  it('lose no member when they are repeated after a member lost its key', async () => {
    const members = Array.from({ length: 501 }, (_, n) => pne(`m${String(n).padStart(3, '0')}`));
    await world.setKeys(members);
    await create(members);
    const outbox = await temporary.store.readLog({ kind: 'group', id: 'g' }, 'outbox', 0n, 10);
    await server.push('g');
    expect((await world.delivered(GW)).map(({ entry }) => entry.envelopes.length)).toEqual([500, 1]);
    await world.setKey(members[0]!, { state: 'revoked' });
    await temporary.store.commit(
      { kind: 'group', id: 'g' },
      { append: outbox.entries.map(({ dedupeId, value }) => ({ log: 'outbox', dedupeId, value })) },
    );
    await server.push('g');
    const deliveries = await world.delivered(GW);
    expect(deliveries.map(({ entry }) => entry.envelopes.length)).toEqual([500, 1, 500]);
    const reached = new Set(deliveries.flatMap(({ entry }) => entry.envelopes.map(({ entity }) => entity)));
    expect(members.filter((member) => !reached.has(member))).toEqual([]);
  });

  it('carry nothing of a version that was retired meanwhile, and go on with the next', async () => {
    await create();
    await change(2n, [C], []);
    world.clock.advance(60_000);
    await server.push('g');
    expect(await seen(GW)).toEqual([[2n, [A, B, C]]]);
  });

  it('wait for the KMC', async () => {
    await create();
    server = await world.process();
    world.kmc.breakNext('getKeyVersion', 'before');
    await expect(server.push('g')).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(await seen(GW)).toEqual([]);
    await server.push('g');
    expect(await seen(GW)).toEqual([[1n, [A, B]]]);
  });

  it('keep no key in the clear at rest', async () => {
    await create();
    await server.push('g');
    const material = world.kmc.material('g', 1n)!;
    const all = JSON.stringify(await dump(temporary.store));
    expect(all).not.toContain(material.toString('base64').slice(0, 40));
    expect(all).not.toContain(material.toString('hex'));
  });
});

const envelope = (entity: string, size = 100): MemberEnvelope => ({ entity, own: Buffer.alloc(size, 1) });

async function cut(envelopes: readonly MemberEnvelope[]): Promise<MemberEnvelope[][]> {
  // eslint wants no await in a generator that has none to wait for: the values come as they are
  async function* given(): AsyncGenerator<MemberEnvelope> {
    for (const one of envelopes) yield Promise.resolve(one);
  }
  const parts: MemberEnvelope[][] = [];
  for await (const part of partsOf(given())) parts.push([...part]);
  return parts;
}

describe('parts of a push', () => {
  test.each([
    ['none', 0, 100, []],
    ['one', 1, 100, [1]],
    ['as many as fit', 500, 100, [500]],
    ['one more', 501, 100, [500, 1]],
    ['large ones', 3, PART_BYTES / 2, [1, 1, 1]],
    ['one that is too large for any', 2, PART_BYTES + 1, [1, 1]],
  ])('%s', async (_what, count, size, lengths) => {
    const envelopes = Array.from({ length: count }, (_, n) => envelope(pne(`${n}`), size));
    expect((await cut(envelopes)).map(({ length }) => length)).toEqual(lengths);
  });

  test('whatever their sizes: all of them, in order, within the limits', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, async (all) => {
        const envelopes = all.map((size, n) => envelope(pne(`${n}`), size));
        const parts = await cut(envelopes);
        expect(parts.flat()).toEqual(envelopes);
        for (const part of parts) {
          expect(part.length).toBeLessThanOrEqual(PART_ENVELOPES);
          expect(part.reduce((sum, { own }) => sum + own.length, 0)).toBeLessThanOrEqual(PART_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });
});

test('a part is told from another by whom it is for and what it brings', () => {
  const [a, b] = [envelope(pne('a')), envelope(pne('b'))];
  const ids = [
    partId('g', 1n, [a]),
    partId('g', 1n, [b]),
    partId('g', 1n, [a, b]),
    partId('g', 1n, [envelope(pne('a'), 99)]),
    partId('g', 2n, [a]),
    partId('h', 1n, [a]),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  expect(partId('g', 1n, [envelope(pne('a'))])).toBe(ids[0]);
});

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const entry = (value: Buffer) => ({ sequence: 1n, dedupeId: 'push.7', value });

test.each(['push', 'end'] as const)('%s: what is stored is what is carried', (kind) => {
  const value = withStepChain(TRACE, () => encodeTask({ kind, id: 'push.7', version: 2n ** 64n - 1n }));
  expect(decodeTask(entry(value))).toEqual({ kind, id: 'push.7', version: 2n ** 64n - 1n, traceparent: TRACE });
});

test.each([
  ['no JSON', '{'],
  ['nothing', 'null'],
  ['another kind', '{"kind":"x","version":"1"}'],
  ['no version', '{"kind":"push"}'],
  ['a version that is no number', '{"kind":"push","version":"-1"}'],
])('%s is none of ours', async (_what, text) => {
  expect(await reasonOf(Promise.resolve().then(() => decodeTask(entry(Buffer.from(text)))))).toBe(
    'INTERNAL/STORED_RECORD_INVALID',
  );
});
