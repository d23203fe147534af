/** FLOW-PULL steps 9-10, GK-PULL steps 3-4: who is given what, and what the others are told. */
import { EntityUserKey, inChunks, parseEntityUri, unauthenticated } from '@cpns/core';
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { at, Records } from '@cpns/store';
import { changesBy } from '@cpns/store/testing';
import { ENTITY_HEAD, EntityRecords } from '../entities/records';
import { groupAggregate, RECIPIENT, recipientName, recipientsSet, type Span } from './records';
import { GW, GW2, pne, SEAL_PERIOD, World } from '../testing/world';

const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d', 'pn2')];
const opensNot = 'the envelope does not open';

describe('PullGroupKey', () => {
  const world = perTest(new World({ entities: [A, B, C, D] }));
  beforeEach(() => world.server.create([A, B, D]));

  const change: World['server']['update'] = (...args) => world.server.update(...args);
  const pull: World['server']['pull'] = (...args) => world.server.pull(...args);
  const refusal = (...args: Parameters<typeof pull>) => outcomeOf(pull(...args));

  it('gives a member the Group Key that the KMC made, for itself alone', async () => {
    const delivery = await pull(A);
    expect(delivery?.envelopes.map(({ entity }) => entity)).toEqual([A]);
    const { groupKey, version } = world.receive(A, delivery);
    expect(version).toBe(1n);
    expect(groupKey.expose()).toEqual(world.kmc.material('g', 1n));
    expect(() => world.receive(B, delivery)).toThrow(opensNot);
  });

  it('gives all members behind a gateway theirs, and no other’s', async () => {
    const delivery = await pull('');
    expect(delivery?.envelopes.map(({ entity }) => entity)).toEqual([A, B]);
    for (const entity of [A, B]) expect(world.receive(entity, delivery).version).toBe(1n);
    const other = await pull('', 0n, GW2);
    expect(other?.envelopes.map(({ entity }) => entity)).toEqual([D]);
  });

  it('gives each version to those who were members when it was the newest', async () => {
    await change(2n, [C], [A]);
    await change(3n, [A], []);
    const seen = async (entity: string) =>
      Promise.all(
        [1n, 2n, 3n, 0n].map((version) => refusal(entity, version).then((reason) => String(reason).split('/').at(-1))),
      );
    expect(await seen(A)).toEqual(['accepted', 'VERSION_NOT_GIVEN', 'accepted', 'accepted']);
    expect(await seen(B)).toEqual(['accepted', 'accepted', 'accepted', 'accepted']);
    expect(await seen(C)).toEqual(['VERSION_NOT_GIVEN', 'accepted', 'accepted', 'accepted']);
    expect((await pull('', 2n))?.envelopes.map(({ entity }) => entity)).toEqual([B, C]);
    expect((await pull('', 3n))?.envelopes.map(({ entity }) => entity)).toEqual([A, B, C]);
  });

  it('makes envelopes under the member’s key as of now', async () => {
    const before = await pull(A);
    await world.register(A);
    expect(() => world.receive(A, before)).toThrow(opensNot);
    expect(world.receive(A, await pull(A)).version).toBe(1n);
  });

  it('leaves members without a live key out of a pull for all', async () => {
    await world.setKey(A, { state: 'revoked' });
    expect((await pull(''))?.envelopes.map(({ entity }) => entity)).toEqual([B]);
    await world.setKey(B, { notAfter: world.clock.now() });
    expect((await pull(''))?.envelopes).toEqual([]);
  });

  it('gives nothing to an entity that was revoked and admitted again, until it joins again', async () => {
    await world.server.module.get(EntityRecords).transact(parseEntityUri(A), { head: at(ENTITY_HEAD) }, () => ({
      result: undefined,
      put: { head: { lastAdmittedAt: world.clock.now(), tokenIds: [], life: 2n } },
    }));
    await world.register(A);
    expect([await refusal(A), await refusal(A, 1n)]).toEqual(Array(2).fill('PERMISSION_DENIED/NOT_A_MEMBER'));
    expect((await pull(''))?.envelopes.map(({ entity }) => entity)).toEqual([B]);
    await change(2n, [A], []);
    expect([await refusal(A), await refusal(A, 1n)]).toEqual(['accepted', 'PERMISSION_DENIED/VERSION_NOT_GIVEN']);
    expect((await pull(''))?.envelopes.map(({ entity }) => entity)).toEqual([A, B]);
    expect((await pull('', 1n))?.envelopes.map(({ entity }) => entity)).toEqual([B]);
  });

  it('tells who left that it is no member, and which version it was not given', async () => {
    await change(2n, [], [A]);
    expect(await refusal(A)).toBe('PERMISSION_DENIED/NOT_A_MEMBER');
    expect(await refusal(A, 2n)).toBe('PERMISSION_DENIED/VERSION_NOT_GIVEN');
    expect(await refusal(A, 1n)).toBe('accepted');
  });

  it.each([
    ['revoked', { state: 'revoked' }],
    ['replaced', { state: 'replaced' }],
    ['expired', { notAfter: Date.UTC(2026, 0, 1) }],
    ['of a gateway in another life', { assigner: GW, assignerLife: 2n }],
  ] as const)('refuses a member whose key is %s, and names it', async (_what, key) => {
    await world.setKey(A, key);
    await expect(pull(A)).rejects.toMatchObject({ reason: 'MEMBER_WITHOUT_KEY', metadata: { entity: A } });
  });

  it('gives to a member whose key is of a gateway until that is revoked', async () => {
    await world.enrol(GW);
    await world.setKey(A, { assigner: GW });
    expect(world.receive(A, await pull(A)).version).toBe(1n);
    await world.enrol(GW, 'revoked');
    await expect(pull(A)).rejects.toMatchObject({ reason: 'MEMBER_WITHOUT_KEY', metadata: { entity: A } });
  });

  it('refuses a retired version from the very moment on, whether it was destroyed or not', async () => {
    await change(2n, [C], []);
    world.clock.advance(59_999);
    expect(await refusal(A, 1n)).toBe('accepted');
    world.clock.advance(1);
    expect(await refusal(A, 1n)).toBe('FAILED_PRECONDITION/VERSION_RETIRED');
    expect(await refusal('', 1n)).toBe('FAILED_PRECONDITION/VERSION_RETIRED');
    await world.server.retire.execute('g');
    expect(await refusal(A, 1n)).toBe('FAILED_PRECONDITION/VERSION_RETIRED');
    expect(await refusal(A, 2n)).toBe('accepted');
  });

  it('refuses a deleted group', async () => {
    await world.server.delete();
    for (const entity of [A, C, '']) expect(await refusal(entity)).toBe('FAILED_PRECONDITION/GROUP_DELETED');
  });

  describe('the end of sealing', () => {
    const end = async (version = 0n) => Number((await pull(A, version))?.statement?.sealUntil) - Date.UTC(2026, 0, 1);

    it('stays while half of it is left, then moves on', async () => {
      expect(await end()).toBe(SEAL_PERIOD);
      world.clock.advance(SEAL_PERIOD / 2);
      expect(await end()).toBe(SEAL_PERIOD);
      world.clock.advance(1);
      expect(await end()).toBe(1.5 * SEAL_PERIOD + 1);
      world.clock.advance(10 * SEAL_PERIOD);
      expect(await end()).toBe(11.5 * SEAL_PERIOD + 1);
    });

    it('never moves for a version that is not the newest', async () => {
      await change(2n, [C], []);
      world.clock.advance(59_999);
      expect(await end(1n)).toBe(SEAL_PERIOD);
    });

    it('moves once, however many pull at a time', async () => {
      world.clock.advance(SEAL_PERIOD);
      const other = await world.process();
      const ends = await Promise.all(
        [world.server, other, world.server, other].map(async (one) => (await one.pull(A))?.statement?.sealUntil),
      );
      expect(new Set(ends)).toEqual(new Set([BigInt(world.clock.now() + SEAL_PERIOD)]));
    });
  });

  describe('of a gateway whose standing is being asked for', () => {
    const revoked = () => unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force');
    const pullWhile = (standing: Promise<void>, entity: string, groupId = 'g') =>
      outcomeOf(pull(entity, 0n, GW, groupId, standing));

    it.each([
      ['one member', A],
      ['all members', ''],
    ])('answers for %s when it is known, and not before', async (_whom, entity) => {
      let settle: () => void = () => undefined;
      const standing = new Promise<void>((resolve) => (settle = resolve));
      let outcome: unknown;
      const pulling = pullWhile(standing, entity).then((reason) => (outcome = reason));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(outcome).toBeUndefined();
      settle();
      await pulling;
      expect(outcome).toBe('accepted');
    });

    it('does nothing for one that may not act, and says nothing else', async () => {
      // the statement is due to be renewed by the next pull
      world.clock.advance(SEAL_PERIOD);
      const destroyed = jest.spyOn(EntityUserKey.prototype, 'destroy');
      const refused = async () => {
        for (const [entity, groupId] of [[A], [''], [C], [A, 'unknown']] as const)
          expect(await pullWhile(Promise.reject(revoked()), entity, groupId)).toBe(
            'UNAUTHENTICATED/CERTIFICATE_REVOKED',
          );
      };
      expect(await changesBy(world.store, refused)).toEqual([]);
      // of A twice and of C: what was opened meanwhile is gone
      expect(destroyed.mock.calls.length).toBe(3);
      destroyed.mockRestore();
    });
  });

  it('answers from memory while the KMC is away, and says so when it needs it', async () => {
    await pull(A);
    world.kmc.breakNext('getKeyVersion', 'before');
    expect(await refusal(A)).toBe('accepted');
    world.server = await world.process();
    expect(await refusal(A)).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(await refusal(A)).toBe('accepted');
  });

  describe('for all members, in pages', () => {
    const PNES = 12_000;
    const many = Array.from({ length: PNES }, (_, n) => pne(`m${String(n).padStart(5, '0')}`));
    const KEYED = many.filter((_, n) => n % 1_000 === 7);

    /** Recipients as changes leave them, a record and a place in the set each. */
    const recipients = async () => {
      await world.register(...KEYED);
      for (const some of inChunks(many, 400)) {
        const wanted = Object.fromEntries(some.map((entity) => [entity, at(RECIPIENT, recipientName(entity))]));
        await world.server.module.get(Records).transact(groupAggregate('g'), wanted, () => ({
          result: undefined,
          put: Object.fromEntries(some.map((entity) => [entity, { entity, spans: [[1n, null]] as Span[] }])),
          addTo: some.map((member) => ({ set: recipientsSet('pn1'), member })),
        }));
      }
    };
    const pages = async (pageSize: number, afterFirst: () => Promise<unknown> = () => Promise.resolve()) => {
      const seen: string[][] = [];
      let pageToken = '';
      do {
        const page = await world.server.pullPage({ pageSize, pageToken });
        expect(page.delivery).toMatchObject({ part: 0, more: false, statement: { version: 1n } });
        seen.push((page.delivery?.envelopes ?? []).map(({ entity }) => entity));
        pageToken = page.nextPageToken;
        if (seen.length === 1) await afterFirst();
      } while (pageToken !== '');
      return seen;
    };

    it('gives each its envelope once, all of one version', async () => {
      await recipients();
      // what comes in between is for another pull
      const seen = await pages(1_000, () => change(2n, [C], []));
      expect(seen.length).toBeGreaterThanOrEqual(PNES / 1_000);
      expect(seen.flat()).toEqual([A, B, ...KEYED]);
    }, 60_000);

    it.each([
      [1, [[A], [B]]],
      [2, [[A, B]]],
      [3, [[A, B]]],
    ])('looks at %i at a time', async (pageSize, expected) => {
      expect((await pages(pageSize)).filter((page) => page.length > 0)).toEqual(expected);
    });

    it('ends with an empty page where those who were left have gone meanwhile', async () => {
      const { nextPageToken } = await world.server.pullPage({ pageSize: 1 });
      await world.setKey(B, { state: 'revoked' });
      expect((await world.server.pullPage({ pageSize: 1, pageToken: nextPageToken })).delivery?.envelopes).toEqual([]);
    });

    it('is over with the version', async () => {
      const { nextPageToken } = await world.server.pullPage({ pageSize: 1 });
      await change(2n, [C], []);
      world.clock.advance(60_000);
      expect(await outcomeOf(world.server.pullPage({ pageSize: 1, pageToken: nextPageToken }))).toBe(
        'FAILED_PRECONDITION/VERSION_RETIRED',
      );
    });
  });
});
