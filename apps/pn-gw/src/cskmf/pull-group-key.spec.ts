import type { GatewayGroupKeyDelivery } from '@cpns/contracts';
import { CpnsError, type Reason } from '@cpns/core';
import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { GRACE_MS } from '@cpns/group-key';
import { SEAL_PERIOD } from '../testing/fake-smf';
import { BOTH, CAMERA, GatewayWorld, GROUP, LOCK, type Shown, STRANGER } from '../testing/world';
import { PullGroupKey } from './cskmf.controller';

describe('PullGroupKey (GK-PULL)', () => {
  const world = perTest(new GatewayWorld());

  const ask = (version = 0n, entity: string | undefined = CAMERA, shown?: Shown, groupId = GROUP) =>
    world.module.get(PullGroupKey).execute({ groupId, version }, world.call(entity, shown));
  const given = async (version = 0n, entity = CAMERA, shown?: Shown) =>
    (await ask(version, entity, shown)).statement?.version;
  /** The Server answers each with its envelope of a version. */
  const answering = (version: bigint, epoch = 0) =>
    (world.server.answer = ({ entity }) => world.server.keyFor(GROUP, version, [entity], epoch));
  const refusing = (reason: Reason) => (world.server.answer = () => Promise.reject(new CpnsError(reason, 'no')));
  const asked = () => world.server.asked.map(({ entity, version }) => `${entity} ${version}`);

  describe('from what is held', () => {
    it('gives the caller its own envelope and the statement as it came', async () => {
      await world.notice({ groupId: GROUP, members: BOTH });
      const push = world.server.keyFor(GROUP, 1n, BOTH);
      await world.push(push);
      for (const [index, entity] of BOTH.entries()) {
        const delivery = await ask(0n, entity);
        expect(delivery.statement).toEqual(push.statement);
        expect(delivery.own).toEqual(push.envelopes[index]?.own);
      }
      expect(asked()).toEqual([]);
    });

    it('gives a version by its number', async () => {
      for (const revision of [1n, 2n, 3n]) await world.pushed(revision);
      for (const version of [1n, 2n, 3n]) expect(await given(version)).toBe(version);
      expect(await given()).toBe(3n);
      expect(asked()).toEqual([]);
    });

    it('goes on while the Server is away', async () => {
      await world.pushed();
      world.clock.advance(SEAL_PERIOD);
      expect(await given()).toBe(1n);
      expect(asked()).toEqual([`${CAMERA} 0`]);
    });
  });

  describe('from the Server', () => {
    it('where nothing is held; the next one is from here', async () => {
      await world.notice({ groupId: GROUP, members: BOTH });
      answering(1n);
      expect([await given(), await given(), await given(1n)]).toEqual([1n, 1n, 1n]);
      expect(asked()).toEqual([`${CAMERA} 0`]);
    });

    it('where the notice tells of a newer version than is held', async () => {
      await world.pushed();
      await world.notice({ groupId: GROUP, revision: 2n, members: BOTH });
      answering(2n);
      expect(await given()).toBe(2n);
      expect(await given(1n)).toBe(1n);
      expect(asked()).toEqual([`${CAMERA} 0`]);
    });

    it('once half of the time is over in which members seal with it', async () => {
      await world.pushed();
      world.clock.advance(SEAL_PERIOD / 2);
      expect([await given(), asked()]).toEqual([1n, []]);
      world.clock.advance(1);
      answering(1n);
      const renewed = await ask();
      expect(Number(renewed.statement?.sealUntil)).toBe(world.clock.now() + SEAL_PERIOD);
      expect(asked()).toEqual([`${CAMERA} 0`]);
      expect((await ask(0n, LOCK)).statement?.sealUntil).toBe(renewed.statement?.sealUntil);
    });

    it('of a version that has retired, though it is held', async () => {
      for (const revision of [1n, 2n]) await world.pushed(revision);
      world.clock.advance(GRACE_MS - 1);
      expect([await given(1n), asked()]).toEqual([1n, []]);
      world.clock.advance(1);
      refusing('VERSION_RETIRED');
      expect(await reasonOfAsync(ask(1n))).toBe('VERSION_RETIRED');
      expect(asked()).toEqual([`${CAMERA} 1`]);
    });

    it('for one who is no member as far as the gateway knows: its notice may be on the way', async () => {
      await world.notice({ groupId: GROUP, members: [LOCK] });
      answering(1n);
      expect([await given(), await given()]).toEqual([1n, 1n]);
      expect(asked()).toEqual([`${CAMERA} 0`, `${CAMERA} 0`]);
      expect(await world.holds(1n)).toEqual([false, false]);
    });

    it('of a group that the gateway never heard of', async () => {
      answering(1n);
      expect(await given()).toBe(1n);
    });

    // others are rows of bad-input.spec.ts
    it.each<Reason>(['GROUP_DELETED', 'MEMBER_WITHOUT_KEY', 'PN_MISMATCH'])('passes %s on', async (reason) => {
      await world.notice({ groupId: GROUP, members: BOTH });
      refusing(reason);
      expect(await reasonOfAsync(ask())).toBe(reason);
    });

    it('does not give what is held instead of a refusal', async () => {
      await world.pushed();
      world.clock.advance(SEAL_PERIOD);
      refusing('NOT_A_MEMBER');
      expect(await reasonOfAsync(ask())).toBe('NOT_A_MEMBER');
    });

    it.each<[string, () => GatewayGroupKeyDelivery, string]>([
      ['of another group', () => world.server.keyFor('other', 2n, [CAMERA]), 'FIELD_OUT_OF_RANGE'],
      ['for another member', () => world.server.keyFor(GROUP, 2n, [LOCK]), 'FIELD_OUT_OF_RANGE'],
      ['for others as well', () => world.server.keyFor(GROUP, 2n, BOTH), 'FIELD_OUT_OF_RANGE'],
      ['for nobody', () => world.server.keyFor(GROUP, 2n, []), 'FIELD_OUT_OF_RANGE'],
      ['that goes back', () => world.server.keyFor(GROUP, 1n, [CAMERA]), 'STATEMENT_LOWER'],
      [
        'that was altered',
        () => {
          const answer = world.server.keyFor(GROUP, 2n, [CAMERA]);
          return { ...answer, statement: { ...answer.statement!, activateAt: 1n } };
        },
        'SIGNATURE_INVALID',
      ],
    ])('refuses an answer %s', async (_what, answer, reason) => {
      await world.notice({ groupId: GROUP, revision: 2n, members: BOTH });
      world.server.answer = answer;
      expect(await reasonOfAsync(ask())).toBe(reason);
      expect(await world.versions()).toEqual([]);
    });

    it('refuses another version than was asked for', async () => {
      await world.notice({ groupId: GROUP, revision: 3n, members: BOTH });
      answering(2n);
      expect(await reasonOfAsync(ask(3n))).toBe('FIELD_OUT_OF_RANGE');
    });
  });

  describe('after a new enrolment', () => {
    it('gives no envelope of the key before, whether or not the Server is there', async () => {
      await world.pushed();
      await world.credential(CAMERA, { epoch: 1 });
      expect(await reasonOfAsync(ask(0n, CAMERA, { epoch: 1 }))).toBe('DEPENDENCY_UNAVAILABLE');
      answering(1n, 1);
      const first = await ask(0n, CAMERA, { epoch: 1 });
      refusing('DEPENDENCY_UNAVAILABLE');
      const second = await ask(0n, CAMERA, { epoch: 1 });
      expect(second.own).toEqual(first.own);
      expect(asked()).toHaveLength(2);
    });

    it('serves a certificate what is held for its key, and for no other certificate', async () => {
      const certificate = async (of: number) => ({ certificate: (await world.pki.issueService('any')).chain[0]!, of });
      const [before, after] = [await certificate(0), await certificate(1)];
      await world.credential(CAMERA, before);
      await world.pushed();
      expect(await given(0n, CAMERA, before)).toBe(1n);
      expect(await reasonOfAsync(ask(0n, CAMERA, after))).toBe('KEY_UNKNOWN');
      await world.credential(CAMERA, after);
      expect(await reasonOfAsync(ask(0n, CAMERA, before))).toBe('KEY_UNKNOWN');
      expect(asked()).toEqual([]);
      answering(1n, 1);
      for (const shown of [after, after]) expect(await given(0n, CAMERA, shown)).toBe(1n);
      expect(asked()).toHaveLength(1);
    });
  });

  describe('of a deleted group', () => {
    it('is refused from the notice on', async () => {
      await world.pushed();
      await world.notice({ groupId: GROUP, revision: 2n, deleted: true });
      answering(1n);
      expect(await reasonOfAsync(ask())).toBe('GROUP_DELETED');
      expect(await reasonOfAsync(ask(1n))).toBe('GROUP_DELETED');
      await world.push(world.server.endOf(GROUP, 1n));
      expect(await reasonOfAsync(ask())).toBe('GROUP_DELETED');
      expect(asked()).toEqual([]);
    });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a group-id over its limit', () => ask(0n, CAMERA, undefined, 'x'.repeat(65)), 'FIELD_TOO_LONG'],
    ['an entity of another PN', () => ask(0n, STRANGER), 'PN_MISMATCH'],
    [
      'nobody',
      () => world.module.get(PullGroupKey).execute({ groupId: GROUP, version: 0n }, world.call()),
      'PROOF_MISSING',
    ],
  ])('refuses %s before any work', async (_what, act, reason) => {
    expect(await reasonOfAsync(act())).toBe(reason);
    expect(asked()).toEqual([]);
  });

  it('serves many at once', async () => {
    await world.notice({ groupId: GROUP, members: BOTH });
    answering(1n);
    const versions = await Promise.all(Array.from({ length: 20 }, (_, n) => given(0n, BOTH[n % 2])));
    expect(new Set(versions)).toEqual(new Set([1n]));
  });
});
