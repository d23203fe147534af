/** GK-PUSH: what lies in the logs of the gateways after each change. */
import type { MemberEnvelope } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { dump } from '@cpns/store/testing';
import { withStepChain } from '@cpns/telemetry';
import { OUTBOX } from '@cpns/delivery';
import fc from 'fast-check';
import { gateway, GW, GW2, pne, PUSH, World } from '../testing/world';
import { groupAggregate } from './records';
import { decodeTask, encodeTask, PART_BYTES, PART_ENVELOPES, partId, partsOf, type PushedPart } from './push-group-key';

const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d', 'pn2')];
const [SECOND, ENDED] = [gateway('second'), gateway('ended')];

describe('pushes', () => {
  const world = perTest(new World({ entities: [A, B, C, D], gateways: [GW, SECOND, GW2] }));
  beforeEach(() => world.enrol(ENDED, 'revoked'));

  const create = (members = [A, B, D], description = PUSH) => world.server.create(members, description);
  const change: World['server']['update'] = (...args) => world.server.update(...args);
  const push = () => world.server.push();
  /** Of each delivery its version, and whom it is for. */
  const seen = async (to: string) =>
    (await world.delivered(to)).map(({ statement, envelopes }) => [
      statement?.version,
      envelopes.map(({ entity }) => entity),
    ]);

  /** What is in the outbox now. @returns what puts it there once more */
  const repetition = async () => {
    const { entries } = await world.store.readLog(groupAggregate('g'), OUTBOX, 0n, 10);
    const append = entries.map(({ dedupeId, value }) => ({ log: OUTBOX, dedupeId, value }));
    return () => world.store.commit(groupAggregate('g'), { append });
  };

  it('go to each gateway of each PN with members, and open', async () => {
    await create();
    await push();
    expect([await seen(GW), await seen(SECOND), await seen(GW2), await seen(ENDED)]).toEqual([
      [[1n, [A, B]]],
      [[1n, [A, B]]],
      [[1n, [D]]],
      [],
    ]);
    for (const to of [GW, SECOND])
      for (const entity of [A, B]) expect(world.receive(entity, (await world.delivered(to))[0]).version).toBe(1n);
  });

  it('bring each version to its recipients alone', async () => {
    await create();
    await change(2n, [C], [A, D]);
    await change(3n, [A], [B]);
    await push();
    expect([await seen(GW), await seen(GW2)]).toEqual([
      [[1n, [A, B]], [2n, [B, C]], [3n, [A, C]]], // prettier-ignore
      [[1n, [D]]],
    ]);
  });

  it('leave out whose key is not live', async () => {
    await create();
    await world.setKey(A, { state: 'revoked' });
    await world.setKey(D, { notAfter: world.clock.now() });
    await push();
    expect([await seen(GW), await seen(GW2)]).toEqual([[[1n, [B]]], []]);
  });

  it('are not made for a pull group, but for its end', async () => {
    await world.server.create([A, D]);
    await change(2n, [B], []);
    await push();
    expect([await seen(GW), await seen(GW2)]).toEqual([[], []]);
    await world.server.delete();
    await push();
    expect([await seen(GW), await seen(SECOND), await seen(GW2), await seen(ENDED)]).toEqual([
      [[3n, []]],
      [[3n, []]],
      [[3n, []]],
      [],
    ]);
    const [end] = await world.delivered(GW);
    expect(end?.statement).toMatchObject({ previous: 2n, commitment: Buffer.alloc(0) });
  });

  it('are put there once, however often they are carried', async () => {
    await create();
    const repeat = await repetition();
    await push();
    const before = await dump(world.store);
    await repeat();
    await Promise.all([push(), (await world.process()).push()]);
    const after = await dump(world.store);
    expect(after[`gateway/${GW}`]).toEqual(before[`gateway/${GW}`]);
    expect(after[`gateway/${GW2}`]).toEqual(before[`gateway/${GW2}`]);
  });

  it('lose no member when they are repeated after a member lost its key', async () => {
    const members = Array.from({ length: 501 }, (_, n) => pne(`m${String(n).padStart(3, '0')}`));
    await world.register(...members);
    await create(members);
    const repeat = await repetition();
    await push();
    expect((await world.delivered(GW)).map(({ part, more, envelopes }) => [part, more, envelopes.length])).toEqual([
      [0, true, 500],
      [1, false, 1],
    ]);
    await world.setKey(members[0]!, { state: 'revoked' });
    await repeat();
    await push();
    const deliveries = await world.delivered(GW);
    // the last one says all: without it the gateway would wait for another part
    expect(deliveries.map(({ more, envelopes }) => [more, envelopes.length])).toEqual([
      [true, 500],
      [false, 1],
      [false, 500],
    ]);
    const reached = new Set(deliveries.flatMap(({ envelopes }) => envelopes.map(({ entity }) => entity)));
    expect(members.filter((member) => !reached.has(member))).toEqual([]);
  });

  it('carry nothing of a version that was retired meanwhile, and go on with the next', async () => {
    await create();
    await change(2n, [C], []);
    world.clock.advance(60_000);
    await push();
    expect(await seen(GW)).toEqual([[2n, [A, B, C]]]);
  });

  it('wait for the KMC', async () => {
    await create();
    world.server = await world.process();
    world.kmc.breakNext('getKeyVersion', 'before');
    await expect(push()).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(await seen(GW)).toEqual([]);
    await push();
    expect(await seen(GW)).toEqual([[1n, [A, B]]]);
  });

  it('keep no key in the clear at rest', async () => {
    await create();
    await push();
    const material = world.kmc.material('g', 1n)!;
    const all = JSON.stringify(await dump(world.store));
    expect(all).not.toContain(material.toString('base64').slice(0, 40));
    expect(all).not.toContain(material.toString('hex'));
  });
});

const envelope = (entity: string, size = 100): MemberEnvelope => ({ entity, own: Buffer.alloc(size, 1) });

async function cut(envelopes: readonly MemberEnvelope[]): Promise<PushedPart[]> {
  // eslint wants no await in a generator that has none to wait for: the values come as they are
  async function* given(): AsyncGenerator<MemberEnvelope> {
    for (const one of envelopes) yield Promise.resolve(one);
  }
  const parts: PushedPart[] = [];
  for await (const part of partsOf(given())) parts.push(part);
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
    const parts = await cut(envelopes);
    expect(parts.map((one) => one.envelopes.length)).toEqual(lengths);
    expect(parts.map(({ part, more }) => [part, more])).toEqual(lengths.map((_, n) => [n, n < lengths.length - 1]));
  });

  test('whatever their sizes: all of them, in order, within the limits', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, async (all) => {
        const envelopes = all.map((size, n) => envelope(pne(`${n}`), size));
        const parts = await cut(envelopes);
        expect(parts.flatMap((one) => one.envelopes)).toEqual(envelopes);
        for (const { envelopes: part } of parts) {
          expect(part.length).toBeLessThanOrEqual(PART_ENVELOPES);
          expect(part.reduce((sum, { own }) => sum + own.length, 0)).toBeLessThanOrEqual(PART_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });
});

test('a part is told from another by its place, whom it is for and what it brings', () => {
  const [a, b] = [envelope(pne('a')), envelope(pne('b'))];
  const one: PushedPart = { part: 0, more: false, envelopes: [a] };
  const ids = [
    partId('g', 1n, one),
    partId('g', 1n, { ...one, part: 1 }),
    partId('g', 1n, { ...one, more: true }),
    partId('g', 1n, { ...one, envelopes: [b] }),
    partId('g', 1n, { ...one, envelopes: [a, b] }),
    partId('g', 1n, { ...one, envelopes: [envelope(pne('a'), 99)] }),
    partId('g', 2n, one),
    partId('h', 1n, one),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  expect(partId('g', 1n, { ...one, envelopes: [envelope(pne('a'))] })).toBe(ids[0]);
});

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const entry = (value: Buffer) => ({ sequence: 1n, dedupeId: 'push.7', value, entryId: Buffer.alloc(16) });

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
  expect(await outcomeOf(Promise.resolve().then(() => decodeTask(entry(Buffer.from(text)))))).toBe(
    'INTERNAL/STORED_RECORD_INVALID',
  );
});
