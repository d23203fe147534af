import { CredentialState, type WatchGroupKeysResponse } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { eventually, perTest } from '@cpns/core/testing';
import { FakeTimers } from '@cpns/delivery/testing';
import { Statements } from '../service-group/statements';
import { BOTH, CAMERA, GatewayWorld, LOCK, type Shown, STRANGER, WATCH_LIFETIME } from '../testing/world';

describe('WatchGroupKeys (GK-PUSH)', () => {
  let timers: FakeTimers;
  const world = perTest(new GatewayWorld(() => (timers = new FakeTimers())));

  const watch = (entity: string | undefined = CAMERA, shown?: Shown, taken?: () => Promise<void>) =>
    world.watch(entity, shown, taken);
  const seen = (sent: readonly WatchGroupKeysResponse[]) =>
    sent.map(({ delivery }) => `${delivery?.statement?.groupId} ${delivery?.statement?.version}`);
  const certified = async (notAfter?: number): Promise<Shown> => {
    const { chain } = await world.pki.issueService('any', notAfter === undefined ? {} : { notAfter });
    return { certificate: chain[0]! };
  };
  it('begins with the newest key of each group that pushes, and goes on with each new one', async () => {
    for (const revision of [1n, 2n]) await world.pushed(revision);
    await world.pushed(1n, 'g2');
    const { sent, outcome, hangUp } = watch();
    await eventually(() => expect(seen(sent)).toEqual(['g1 2', 'g2 1']));
    await world.pushed(3n, 'g1');
    await world.pushed(1n, 'g3');
    await eventually(() => expect(seen(sent)).toEqual(['g1 2', 'g2 1', 'g1 3', 'g3 1']));
    const own = await world.envelopes.find(CAMERA, 'g3', 1n);
    expect(sent.at(-1)?.delivery?.own).toEqual(own?.own);
    hangUp();
    expect(await outcome).toBe('accepted');
    expect(world.hub.size).toBe(0);
  });

  it('tells nobody of a group that it is not in, nor of one that pulls', async () => {
    world.server.answer = ({ groupId }) => world.server.keyFor(groupId, 1n, BOTH);
    await world.notice({ groupId: 'pulls', delivery: 'pull', members: BOTH });
    await world.requestsDone();
    await world.pushed(1n, 'others', [LOCK]);
    const { sent, hangUp } = watch();
    await world.pushed(2n, 'others', [LOCK]);
    await world.pushed(1n, 'last');
    await eventually(() => expect(seen(sent)).toEqual(['last 1']));
    hangUp();
  });

  it('says that a group ended, also to one who comes later, and to nobody who left before', async () => {
    world.server.answer = ({ groupId }) => world.server.keyFor(groupId, 1n, BOTH);
    await world.notice({ groupId: 'g1', delivery: 'pull', members: BOTH });
    await world.notice({ groupId: 'g2', members: BOTH });
    await world.notice({ groupId: 'g2', revision: 2n, members: [LOCK] });
    await world.requestsDone();
    const early = watch();
    await world.ended();
    await world.ended(2n, 'g2');
    await eventually(() => expect(seen(early.sent)).toEqual(['g1 2']));
    expect(early.sent[0]?.delivery).toMatchObject({ own: Buffer.alloc(0), statement: { commitment: Buffer.alloc(0) } });
    early.hangUp();
    await early.outcome;
    const late = watch();
    await eventually(() => expect(seen(late.sent)).toEqual(['g1 2']));
    late.hangUp();
    world.clock.advance(duration(31, 'day'));
    await world.heardOfServer();
    const muchLater = watch();
    await world.pushed(1n, 'g9');
    await eventually(() => expect(seen(muchLater.sent)).toEqual(['g9 1']));
    muchLater.hangUp();
  });

  it('gives a slow watcher the newest of each group, and queues nothing up for it', async () => {
    const waiting: (() => void)[] = [];
    const { sent, hangUp } = watch(CAMERA, undefined, () => new Promise((resolve) => waiting.push(resolve)));
    await world.pushed(1n, 'g1');
    await eventually(() => expect(seen(sent)).toEqual(['g1 1']));
    for (const revision of [2n, 3n, 4n]) await world.pushed(revision, 'g1');
    await world.pushed(1n, 'g2');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen(sent)).toEqual(['g1 1']);
    waiting.shift()?.();
    await eventually(() => expect(seen(sent)).toEqual(['g1 1', 'g1 4']));
    waiting.shift()?.();
    await eventually(() => expect(seen(sent)).toEqual(['g1 1', 'g1 4', 'g2 1']));
    hangUp();
    waiting.shift()?.();
  });

  it('tells once of a key that came in parts', async () => {
    await world.notice({ groupId: 'g1', members: BOTH });
    const { sent, hangUp } = watch();
    const statement = world.server.statement('g1', 1n);
    const first = { ...world.server.delivery(statement, [CAMERA]), more: true };
    const last = { ...world.server.delivery(statement, [LOCK]), part: 1 };
    // the watcher’s envelope is in the first, and cut off there the push is repeated
    for (const part of [first, first, last]) await world.push(part);
    await world.pushed(1n, 'g2');
    await eventually(() => expect(seen(sent)).toEqual(['g1 1', 'g2 1']));
    hangUp();
  });

  it('gives no envelope that was made for another key of the caller', async () => {
    await world.pushed(1n, 'g1');
    await world.credential(CAMERA, { epoch: 1 });
    const { sent, hangUp } = watch(CAMERA, { epoch: 1 });
    await world.notice({ groupId: 'g1', revision: 2n, members: BOTH });
    await world.push(world.server.keyFor('g1', 2n, BOTH, 1));
    await eventually(() => expect(seen(sent)).toEqual(['g1 2']));
    hangUp();
  });

  it('carries on the trace of what brought the key', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await world.pushed();
    const signed = (await world.groups.read('g1')).statements.at(-1)!;
    await world.module.get(Statements).keep(signed, { traceparent });
    const { sent, hangUp } = watch();
    await eventually(() => expect(sent[0]?.traceparent).toBe(traceparent));
    hangUp();
  });

  describe('ends', () => {
    it.each([
      ['proof', () => Promise.resolve({ epoch: 0 })],
      ['certificate', certified],
    ] as const)('when what it began with is no longer live, a %s, and with no other', async (_form, shown) => {
      const own = await shown();
      await world.credential(CAMERA, own);
      const { outcome, sent } = watch(CAMERA, own);
      const other = watch(LOCK);
      await eventually(() => expect(world.hub.size).toBe(2));
      await world.pushed(1n, 'g1');
      await eventually(() => expect(seen(sent)).toEqual(['g1 1']));
      await world.credential(CAMERA, own, { state: CredentialState.CREDENTIAL_STATE_ENDED });
      expect(await outcome).toBe('KEY_REVOKED');
      await world.pushed(2n, 'g1');
      expect(seen(sent)).toEqual(['g1 1']);
      await eventually(() => expect(seen(other.sent)).toEqual(['g1 1', 'g1 2']));
      other.hangUp();
    });

    it.each([
      ['proof', () => Promise.resolve({ epoch: 0 })],
      ['certificate', certified],
    ] as const)(
      'with KEY_SUSPENDED when its key is suspended, a %s, and goes on once it is resumed',
      async (_form, shown) => {
        const own = await shown();
        await world.credential(CAMERA, own);
        await world.pushed(1n, 'g1');
        const { outcome, sent } = watch(CAMERA, own);
        await eventually(() => expect(seen(sent)).toEqual(['g1 1']));
        await world.credential(CAMERA, own, { state: CredentialState.CREDENTIAL_STATE_SUSPENDED });
        expect(await outcome).toBe('KEY_SUSPENDED');
        const refused = watch(CAMERA, own);
        expect([await refused.outcome, refused.sent]).toEqual(['KEY_SUSPENDED', []]);
        await world.credential(CAMERA, own);
        const again = watch(CAMERA, own);
        await eventually(() => expect(seen(again.sent)).toEqual(['g1 1']));
        again.hangUp();
      },
    );

    it('with KEY_UNKNOWN when another key takes the place of its own', async () => {
      const { outcome } = watch();
      await eventually(() => expect(world.hub.size).toBe(1));
      await world.credential(CAMERA, { epoch: 1 });
      expect(await outcome).toBe('KEY_UNKNOWN');
    });

    it('when it has lasted its time, so that the caller shows its key anew', async () => {
      const { outcome } = watch();
      await eventually(() => expect(timers.pending).toEqual([WATCH_LIFETIME]));
      timers.advance(WATCH_LIFETIME);
      expect(await outcome).toBe('accepted');
    });

    it('with CERTIFICATE_EXPIRED when the caller’s certificate does', async () => {
      const shown = await certified(world.clock.now() + 5_000);
      await world.credential(CAMERA, shown);
      const { outcome } = watch(CAMERA, shown);
      await eventually(() => expect(timers.pending).toHaveLength(1));
      expect(timers.pending[0]).toBeLessThanOrEqual(5_000);
      timers.advance(5_000);
      expect(await outcome).toBe('CERTIFICATE_EXPIRED');
    });

    it('with SUPERSEDED when the entity watches again', async () => {
      const first = watch();
      await eventually(() => expect(world.hub.size).toBe(1));
      const second = watch();
      expect(await first.outcome).toBe('SUPERSEDED');
      await world.pushed(1n, 'g1');
      await eventually(() => expect(seen(second.sent)).toEqual(['g1 1']));
      expect(seen(first.sent)).toEqual([]);
      second.hangUp();
    });

    it('when the caller goes away before anything was read', async () => {
      const { outcome, hangUp } = watch();
      hangUp();
      expect(await outcome).toBe('accepted');
      expect(world.hub.size).toBe(0);
    });
  });

  it.each([
    ['an entity of another PN', STRANGER, 'PN_MISMATCH'],
    ['nobody', undefined, 'PROOF_MISSING'],
  ])('refuses %s', async (_who, entity, reason) => {
    expect(await world.watch(entity).outcome).toBe(reason);
    expect(world.hub.size).toBe(0);
  });
});
