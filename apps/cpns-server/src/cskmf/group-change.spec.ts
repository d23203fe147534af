/** GK-CREATE, GK-UPDATE-M, GK-DELETE: what is accepted, what is refused and leaves nothing behind. */
import { GroupKeyVersionState } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { expectRefusal, outcomeOf } from '@cpns/platform/testing';
import { GW2, pne, SEAL_PERIOD, World } from '../testing/world';

const [A, B, C] = [pne('a'), pne('b'), pne('c', 'pn2')];

describe('changes of a group', () => {
  const world = perTest(new World({ entities: [A, B, C], activationDelay: 5_000 }));
  const create = (members = [A, C], groupId = 'g') => world.server.create(members, { groupId });
  const change = (left = [A]) => world.server.update(2n, [B], left);
  const remove = () => world.server.delete();
  const states = async () =>
    (await world.server.status()).versions.map(({ version, state }) => [version, state] as const);

  it('makes version 1, in use at once', async () => {
    await create();
    const now = BigInt(world.clock.now());
    expect(await world.server.status()).toEqual({
      groupId: 'g',
      membershipRevision: 1n,
      deleted: false,
      versions: [
        {
          version: 1n,
          state: GroupKeyVersionState.GROUP_KEY_VERSION_STATE_ACTIVE,
          activateAt: now,
          sealUntil: now + BigInt(SEAL_PERIOD),
          madeAt: now,
          recipients: 0,
          acknowledged: 0,
          waiting: [],
        },
      ],
    });
  });

  it('makes the next version for joins, which takes over after the delay, and the one before ends after its grace', async () => {
    await create();
    await change([]);
    const { GROUP_KEY_VERSION_STATE_ACTIVE: active, GROUP_KEY_VERSION_STATE_PREPARED: prepared } = GroupKeyVersionState;
    const { GROUP_KEY_VERSION_STATE_GRACE: grace, GROUP_KEY_VERSION_STATE_RETIRED: retired } = GroupKeyVersionState;
    const seen = [await states()];
    for (const step of [4_999, 1, 59_999, 1]) {
      world.clock.advance(step);
      seen.push(await states());
    }
    expect(seen).toEqual([
      [[1n, active], [2n, prepared]], // prettier-ignore
      [[1n, active], [2n, prepared]], // prettier-ignore
      [[1n, grace], [2n, active]], // prettier-ignore
      [[1n, grace], [2n, active]], // prettier-ignore
      [[1n, retired], [2n, active]], // prettier-ignore
    ]);
  });

  it('makes the next version for a leave, which takes over at once, and discards what was prepared', async () => {
    await create();
    await world.server.update(2n, [B], []);
    await world.server.update(3n, [], [A]);
    const seen = [await world.server.states()];
    for (const step of [59_999, 1]) {
      world.clock.advance(step);
      seen.push(await world.server.states());
    }
    expect(seen).toEqual(['1g 2g 3a', '1g 2g 3a', '1r 2r 3a']);
  });

  it('makes an emergency, after which no older version is given', async () => {
    await create();
    await world.server.update(2n, [B], []);
    await world.server.update(3n, [], [A], 'g', true);
    expect(await world.server.states()).toBe('1r 2r 3a');
    const [, , third] = (await world.server.status()).versions;
    expect(third?.activateAt).toBe(BigInt(world.clock.now() - 120_000));
    for (const version of [1n, 2n])
      expect(await outcomeOf(world.server.pull(C, version, GW2))).toBe('FAILED_PRECONDITION/VERSION_RETIRED');
    const { groupKey } = world.receive(C, await world.server.pull(C, 0n, GW2));
    expect(groupKey.expose()).toEqual(world.kmc.material('g', 3n));
    await world.server.round();
    expect([1n, 2n].map((version) => world.kmc.material('g', version))).toEqual([undefined, undefined]);
    await world.server.update(3n, [], [A], 'g', true);
    expect(await outcomeOf(world.server.update(3n, [], [A]))).toBe('ABORTED/CONFLICT');
  });

  it('takes the activation delay of the group, where it has one', async () => {
    await world.server.create([A], { activationDelay: 30_000n });
    const { versions } = await world.server.update(2n, [B], []);
    expect(versions.at(-1)?.activateAt).toBe(BigInt(world.clock.now() + 30_000));
  });

  it('answers the same change again, in whatever order its members come', async () => {
    await create();
    await create([C, A]);
    await change([A, C]);
    await change([C, A]);
    expect(world.kmc.made('g')).toBe(2n);
    expect(world.kmc.calls).toEqual(['createKey g', 'createKeyVersion g']);
  });

  it('destroys every version of a deleted group, and says so again', async () => {
    await create();
    await change();
    await remove();
    await remove();
    expect([world.kmc.material('g', 1n), world.kmc.material('g', 2n)]).toEqual([undefined, undefined]);
    expect(world.kmc.calls.filter((call) => call.startsWith('destroy'))).toEqual(['destroyKey g']);
    const { versions, deleted } = await world.server.status();
    expect(deleted).toBe(true);
    expect(versions.map(({ version, state }) => [version, state])).toEqual([
      [1n, GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED],
      [2n, GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED],
    ]);
  });

  it('gives nothing of a group any more once its deletion has begun, also while the KMC is away', async () => {
    await create();
    world.kmc.breakNext('destroyKey', 'before');
    expect(await outcomeOf(remove())).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(await outcomeOf(world.server.pull(A))).toBe('FAILED_PRECONDITION/GROUP_DELETED');
    expect(await outcomeOf(change())).toBe('FAILED_PRECONDITION/GROUP_DELETED');
    await remove();
    expect(world.kmc.material('g', 1n)).toBeUndefined();
  });

  it('names the member that has no key', async () => {
    await world.setKey(B, { state: 'revoked' });
    await expect(create([A, B])).rejects.toMatchObject({ metadata: { entity: B } });
    await world.setKey(B, { notAfter: world.clock.now() });
    await expect(create([A, B])).rejects.toMatchObject({ metadata: { entity: B } });
  });

  it('takes a creation back whose group-id only the KMC remembers', async () => {
    await create([A, C], 'other');
    await world.kmc.createKey({ groupId: 'g', requestId: Buffer.alloc(16, 7) });
    await expectRefusal(world.store, create, 'ALREADY_EXISTS/ALREADY_EXISTS');
  });

  it('says that it is our fault when the KMC has other versions, and gives no number of its own', async () => {
    await create();
    await world.kmc.createKeyVersion({ groupId: 'g', previous: 1n, requestId: Buffer.alloc(16, 7) });
    expect(await outcomeOf(change())).toBe('INTERNAL/INTERNAL');
    expect((await world.server.status()).versions).toHaveLength(1);
  });

  it('keeps nothing secret in log lines', async () => {
    await create();
    const material = world.kmc.material('g', 1n)!;
    expect(world.log.text()).not.toContain(material.toString('hex'));
    expect(world.log.text()).not.toContain(material.toString('base64'));
  });
});
