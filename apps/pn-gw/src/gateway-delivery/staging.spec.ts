import { KeyForm, type OpenDeliveryChannelResponse } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { type Control, controlWire } from '@cpns/delivery';
import { at, Records } from '@cpns/store';
import { entityAggregate, GRANT, grantName } from '../entity-user-key/assigned-keys';
import { keyIdOf } from '../testing/fake-server';
import { CAMERA, GatewayWorld, LOCK } from '../testing/world';
import { DELIVERED, DeliveryChannel } from './delivery-channel';
import { TableAge } from '../live-credentials/table-age';

type Entry = NonNullable<OpenDeliveryChannelResponse['entry']>;

describe('a snapshot over the delivery channel', () => {
  let stop: () => Promise<void>;
  afterEach(() => stop());
  const world = perTest(new GatewayWorld());
  beforeEach(() => start());

  const start = () => {
    const over = new AbortController();
    const running = world.module.get(DeliveryChannel).run(over.signal);
    stop = async () => {
      over.abort();
      await running;
    };
    return isOpen(world.server.log.opened.length + 1);
  };
  /** Resolves when so many channels were opened. */
  const isOpen = (count: number) =>
    eventually(() => {
      expect(world.server.log.opened).toHaveLength(count);
      expect(world.server.log.isOpen).toBe(true);
    });

  const [ID, OTHER_ID] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  const LAST = { sequence: 7n, entryId: Buffer.alloc(16, 7) };
  const say = (said: Control) => world.server.log.say(controlWire(said));
  const begin = (snapshotId = ID, doubtful = false) => say({ kind: 'begin', snapshotId, doubtful });
  const end = (count: bigint, snapshotId = ID) => say({ kind: 'end', snapshotId, count, position: LAST });
  const send = async (...entries: readonly Entry[]) => {
    for (const entry of entries) await world.server.log.say({ entry });
  };
  /** Resolves when the gateway has made the snapshot what counts. */
  const ended = (count: bigint) => end(count).then(() => eventually(async () => expect(await position()).toBe(7n)));
  const position = async () => {
    const found = await world.module.get(Records).read({ kind: 'delivery', id: 'own' }, { delivered: at(DELIVERED) });
    return found.delivered?.lastSequence;
  };
  const isLive = async (entity: string) =>
    (await reasonOfAsync(world.credentials.check(entity, { keyId: keyIdOf(entity) }))) === 'accepted';
  const standing = () => Promise.all([CAMERA, LOCK].map(isLive));

  const row = (entity: string): Entry => ({ $case: 'credential', value: world.credentialOf(entity) });
  const grant = (tokenId: string): Entry => {
    const times = { expiresAt: BigInt(world.clock.now() + duration(1, 'day')), admittedAt: BigInt(world.clock.now()) };
    const names = { tokenId, entity: CAMERA, user: '', form: KeyForm.KEY_FORM_SECRET };
    return { $case: 'tokenGrant', value: { ...names, ...times, tokenAuthKey: Buffer.alloc(32, 1) } };
  };
  const grantOf = async (tokenId: string) => {
    const wanted = { grant: at(GRANT, grantName(tokenId)) };
    return (await world.module.get(Records).read(entityAggregate(CAMERA), wanted)).grant;
  };
  const counts = async (tokenId: string) =>
    ((await grantOf(tokenId))?.generation ?? 0n) >= (await world.credentials.generation());

  it('voids the keys and the grants that it does not name, once it is whole', async () => {
    await begin();
    await send(row(CAMERA), grant('a'), grant('b'));
    await ended(3n);
    expect([await standing(), await counts('a'), await counts('b')]).toEqual([[true, false], true, true]);
    await begin();
    await send(row(LOCK), grant('b'));
    await eventually(async () => expect((await grantOf('b'))?.generation).toBe(3n));
    expect([await standing(), await counts('a')]).toEqual([[true, false], true]);
    await end(2n);
    await eventually(async () => expect(await standing()).toEqual([false, true]));
    expect([await counts('a'), await counts('b')]).toEqual([false, true]);
  });

  it('takes in more rows than are committed at a time', async () => {
    const many = Array.from({ length: 150 }, (_, n) => `${CAMERA}-${n}`);
    await begin();
    await send(...many.map(row));
    await ended(150n);
    expect(await Promise.all(many.map(isLive))).toEqual(many.map(() => true));
  });

  it.each<[string, () => Promise<unknown>]>([
    ['ends under another id', () => end(1n, OTHER_ID)],
    ['lacks an entry', () => end(2n)],
    ['has one too many', () => end(0n)],
    ['has an entry with a sequence', () => world.server.log.say({ ...LAST, entry: row(LOCK) })],
    [
      'is about something else than entries',
      () => send({ $case: 'keyRevocation', value: { entity: CAMERA, keyId: ID } }),
    ],
  ])('that %s leaves in force what was, and the channel is opened anew', async (_what, act) => {
    await begin();
    await send(row(CAMERA));
    await act();
    await isOpen(2);
    expect([await standing(), await position()]).toEqual([[true, true], undefined]);
    // and what it named is not taken for a part of the next
    await begin();
    await send(row(LOCK));
    await ended(1n);
    expect(await standing()).toEqual([false, true]);
  });

  it('that is doubtful leaves nothing in force before its end, also where it is cut off and the gateway restarted', async () => {
    await begin(ID, true);
    await send(row(CAMERA));
    await eventually(async () => expect(await standing()).toEqual([false, false]));
    await stop();
    await world.restart();
    expect(await reasonOfAsync(world.credentials.assertCertain())).toBe('RESYNCHRONISING');
    await start();
    expect(world.server.log.opening).toMatchObject({ resynchronise: true });
    await begin();
    await send(row(CAMERA));
    await ended(1n);
    expect(await standing()).toEqual([true, false]);
  });

  it('makes the table young with the state that came before its end', async () => {
    const age = world.module.get(TableAge);
    world.clock.advance(duration(1, 'hour'));
    await begin();
    await say({ kind: 'state', last: LAST, otherProcessAt: 0 });
    await send(grant('a'));
    await eventually(async () => expect(await grantOf('a')).toBeDefined());
    expect(await age.age()).toBeGreaterThanOrEqual(duration(1, 'hour'));
    await ended(1n);
    await eventually(async () => expect(await age.age()).toBeLessThan(duration(1, 'minute')));
  });
});
