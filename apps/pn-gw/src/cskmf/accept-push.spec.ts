import type { GatewayGroupKeyDelivery } from '@cpns/contracts';
import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { GRACE_MS } from '@cpns/group-key';
import { BOTH, CAMERA, GATEWAY, GatewayWorld, GROUP, LOCK, STRANGER } from '../testing/world';
import { VERSIONS_KEPT } from '../service-group/known-groups';
import { HeldPushes } from './envelopes';

describe('a pushed Group Key (FLOW-PUSH step 8)', () => {
  const world = perTest(new GatewayWorld());

  const held = async (version: bigint) => (await world.holds(version))[0];

  it('is kept, an envelope for each member', async () => {
    await world.notice({ groupId: GROUP, members: BOTH });
    const push = world.server.keyFor(GROUP, 1n, BOTH);
    await world.push(push);
    expect(await world.versions()).toEqual([1n]);
    for (const { entity, own } of push.envelopes)
      expect((await world.envelopes.find(entity, GROUP, 1n))?.own).toEqual(own);
  });

  it('comes twice as if it had come once', async () => {
    await world.notice({ groupId: GROUP, members: BOTH });
    const push = world.server.keyFor(GROUP, 1n, BOTH);
    for (const one of [push, push]) await world.push(one);
    expect([await world.versions(), await world.holds(1n)]).toEqual([[1n], [true, true]]);
  });

  it.each([
    ['after its notice', true],
    ['before its notice', false],
  ])('counts with its last part, %s', async (_when, isNoticed) => {
    const notice = () => world.notice({ groupId: GROUP, members: BOTH });
    if (isNoticed) await notice();
    const statement = world.server.statement(GROUP, 1n);
    await world.push({ ...world.server.delivery(statement, [CAMERA]), more: true });
    expect([await world.versions(), await world.holds(1n)]).toEqual([[], [isNoticed, false]]);
    await world.push({ ...world.server.delivery(statement, [LOCK]), part: 1 });
    if (!isNoticed) await notice();
    expect([await world.versions(), await world.holds(1n)]).toEqual([[1n], [true, true]]);
  });

  it('leaves nothing for an entity that is no member any more', async () => {
    await world.notice({ groupId: GROUP, members: BOTH });
    await world.notice({ groupId: GROUP, revision: 2n, members: [LOCK] });
    await world.push(world.server.keyFor(GROUP, 1n, BOTH));
    expect(await world.holds(1n)).toEqual([false, true]);
  });

  it(`keeps ${VERSIONS_KEPT} versions`, async () => {
    const all = Array.from({ length: VERSIONS_KEPT + 1 }, (_, n) => BigInt(n + 1));
    for (const revision of all) await world.pushed(revision);
    expect(await world.versions()).toEqual(all.slice(1));
    expect(await Promise.all(all.map((version) => held(version)))).toEqual(all.map((version) => version > 1n));
  });

  it('keeps none that opens nothing any more', async () => {
    await world.pushed(1n);
    await world.pushed(2n);
    world.clock.advance(GRACE_MS - 1);
    await world.pushed(3n);
    expect(await world.versions()).toEqual([1n, 2n, 3n]);
    world.clock.advance(1);
    await world.pushed(4n);
    expect(await world.versions()).toEqual([2n, 3n, 4n]);
  });

  it('takes over a later seal-until, and never an earlier one', async () => {
    await world.notice({ groupId: GROUP, members: BOTH });
    const sealUntil = world.clock.now() + 50_000;
    for (const change of [0, 10_000, -10_000])
      await world.push(
        world.server.delivery(world.server.statement(GROUP, 1n, { sealUntil: sealUntil + change }), BOTH),
      );
    const [known] = (await world.groups.read(GROUP)).statements;
    expect(known?.statement.sealUntil).toBe(sealUntil + 10_000);
  });

  describe('that can never be good', () => {
    const other = () => world.server.keyFor(GROUP, 1n, BOTH);
    const altered = (change: Partial<NonNullable<GatewayGroupKeyDelivery['statement']>>) => {
      const push = other();
      return { ...push, statement: { ...push.statement!, ...change } };
    };
    it.each<[string, () => GatewayGroupKeyDelivery | Promise<GatewayGroupKeyDelivery>, string]>([
      ['has no statement', () => ({ ...other(), statement: undefined }), 'FIELD_MISSING'],
      ['has an altered version', () => altered({ version: 2n }), 'SIGNATURE_INVALID'],
      ['has an altered seal-until', () => altered({ sealUntil: 1n }), 'SIGNATURE_INVALID'],
      ['has a group that is no name', () => altered({ groupId: 'a/b' }), 'NAME_INVALID'],
      ['has no chain', () => altered({ chain: [] }), 'FIELD_MISSING'],
      [
        'was signed by another service',
        async () =>
          world.server.delivery(world.server.statement(GROUP, 1n), BOTH, 0, await world.pki.issueService('smf')),
        'PEER_UNEXPECTED',
      ],
      ['has the envelope of another PN', () => world.server.keyFor(GROUP, 1n, [CAMERA, STRANGER]), 'PN_MISMATCH'],
      [
        'has the envelope of one member under the name of another',
        () => {
          const push = other();
          return { ...push, envelopes: [{ entity: LOCK, own: push.envelopes[0]!.own }] };
        },
        'ENVELOPE_INVALID entity',
      ],
      ['has a rekey message', () => ({ ...other(), shared: Buffer.from([2]) }), 'FIELD_OUT_OF_RANGE'],
    ])('%s', async (_what, push, reason) => {
      await world.notice({ groupId: GROUP, members: BOTH });
      expect(await reasonOfAsync(world.push(await push()))).toBe(reason);
      expect(await world.versions()).toEqual([]);
      expect(await world.holds(1n)).toEqual([false, false]);
    });

    it('is refused before its notice as well: nothing of it waits', async () => {
      expect(await reasonOfAsync(world.push(altered({ version: 2n })))).toBe('SIGNATURE_INVALID');
      expect(await world.waiting()).toEqual([]);
    });

    it('goes back to a lower version', async () => {
      await world.pushed(2n);
      expect(await reasonOfAsync(world.push(world.server.keyFor(GROUP, 1n, BOTH)))).toBe('STATEMENT_LOWER');
      expect(await held(1n)).toBe(false);
    });

    it('has another key for a version that is known', async () => {
      await world.pushed();
      const commitment = Buffer.alloc(32, 1);
      const second = world.server.delivery(world.server.statement(GROUP, 1n, { commitment }), BOTH);
      expect(await reasonOfAsync(world.push(second))).toBe('STATEMENT_CONFLICT');
    });
  });

  describe('that overtakes its notice', () => {
    it('waits, is served to nobody, and is accepted when the notice comes', async () => {
      await world.push(world.server.keyFor(GROUP, 1n, BOTH));
      expect([await world.versions(), await held(1n), await world.waiting()]).toEqual([[], false, [1n]]);
      await world.notice({ groupId: GROUP, members: BOTH });
      expect([await world.versions(), await held(1n), await world.waiting()]).toEqual([[1n], true, []]);
    });

    it('waits also after a restart', async () => {
      await world.push(world.server.keyFor(GROUP, 1n, BOTH));
      await world.restart();
      await world.notice({ groupId: GROUP, members: BOTH });
      expect(await world.versions()).toEqual([1n]);
    });

    it('waits for the notice of its own version', async () => {
      for (const version of [3n, 2n]) await world.push(world.server.keyFor(GROUP, version, BOTH));
      await world.notice({ groupId: GROUP, members: BOTH });
      expect([await world.versions(), await world.waiting()]).toEqual([[], [2n, 3n]]);
      await world.notice({ groupId: GROUP, revision: 2n, members: BOTH });
      expect([await world.versions(), await world.waiting()]).toEqual([[2n], [3n]]);
      await world.notice({ groupId: GROUP, revision: 3n, members: BOTH });
      expect([await world.versions(), await world.waiting()]).toEqual([[2n, 3n], []]);
    });

    it('is let go at the limit, oldest first, and asked for when its notice comes', async () => {
      jest.replaceProperty(world.module.get(HeldPushes), 'max', 2);
      for (const groupId of ['a', 'b', 'c']) await world.push(world.server.keyFor(groupId, 1n, BOTH));
      expect([await world.waiting('a'), await world.waiting('b'), await world.waiting('c')]).toEqual([[], [1n], [1n]]);
      world.server.answer = ({ groupId }) => world.server.keyFor(groupId, 1n, BOTH);
      for (const groupId of ['a', 'b']) await world.notice({ groupId, members: BOTH });
      await world.requestsDone();
      expect([await world.versions('a'), await world.versions('b')]).toEqual([[1n], [1n]]);
      expect(world.server.asked).toEqual([expect.objectContaining({ groupId: 'a', version: 0n, entity: '' })]);
    });

    it('is let go at once when no record could hold it', async () => {
      jest.replaceProperty(world.module.get(HeldPushes), 'maxBytes', 100);
      await world.push(world.server.keyFor(GROUP, 1n, [CAMERA]));
      expect(await world.waiting()).toEqual([]);
      world.server.answer = ({ groupId }) => world.server.keyFor(groupId, 1n, [CAMERA]);
      await world.notice({ groupId: GROUP, members: [CAMERA] });
      await world.requestsDone();
      expect(await held(1n)).toBe(true);
    });
  });

  describe('of the end of a group', () => {
    it('takes the place of all keys, for good', async () => {
      await world.pushed();
      await world.ended();
      expect([await world.versions(), await held(1n)]).toEqual([[2n], false]);
      for (const version of [1n, 2n, 3n])
        expect(await reasonOfAsync(world.push(world.server.keyFor(GROUP, version, BOTH)))).toBe('GROUP_DELETED');
      expect(await reasonOfAsync(world.push(world.server.endOf(GROUP, 1n)))).toBe('accepted');
    });

    it('waits for the notice of the end, whatever waits with it is of no more use', async () => {
      await world.notice({ groupId: GROUP, members: BOTH });
      await world.push(world.server.keyFor(GROUP, 2n, BOTH));
      await world.push(world.server.endOf(GROUP, 2n));
      expect([await world.versions(), await world.waiting()]).toEqual([[], [2n, 3n]]);
      await world.notice({ groupId: GROUP, revision: 3n, deleted: true });
      expect([await world.versions(), await world.waiting()]).toEqual([[3n], []]);
      expect(await held(2n)).toBe(false);
    });
  });

  it('for the gateway itself is kept like any other: it has no S to open it with', async () => {
    await world.notice({ groupId: GROUP, members: [GATEWAY] });
    await world.push(world.server.keyFor(GROUP, 1n, [GATEWAY]));
    expect(await world.holds(1n, [GATEWAY])).toEqual([true]);
  });
});
