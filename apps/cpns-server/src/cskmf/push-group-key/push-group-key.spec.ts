/** GK-PUSH: what lies in the logs of the gateways after each change. */
import { dump, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { gateway, pne, SMF, World, type CskmfProcess } from '../../testing/world';

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

  it('lose nobody when they are repeated after a member lost its key', async () => {
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
