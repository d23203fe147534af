import type { ServiceGroupNotice } from '@cpns/contracts';
import { perTest, reasonOfAsync } from '@cpns/core/testing';
import fc from 'fast-check';
import { noticeOf, type NoticeOf } from '../testing/fake-smf';
import { BOTH, CAMERA, GATEWAY, GatewayWorld, GROUP, LOCK, SENSOR, STRANGER } from '../testing/world';
import { ApplyNotice } from './notice-channel';

describe('a notice (FLOW-PULL and FLOW-PUSH step 7)', () => {
  const world = perTest(new GatewayWorld());

  const notice = (changes: Partial<NoticeOf> = {}) => world.notice({ groupId: GROUP, members: BOTH, ...changes });
  const known = async () => (await world.groups.read(GROUP)).notice;

  it('says which members the group has here, and each member which groups it is in', async () => {
    await notice();
    await world.notice({ groupId: 'g2', members: [CAMERA] });
    expect(await world.members()).toEqual(BOTH);
    expect([await world.groupsOf(CAMERA), await world.groupsOf(LOCK)]).toEqual([[GROUP, 'g2'], [GROUP]]);
    expect(await known()).toMatchObject({ delivery: 'push', membershipRevision: 1n, keyVersion: 1n, deleted: false });
  });

  it('takes the envelopes of those who left, and leaves those of the others', async () => {
    await world.pushed();
    await notice({ revision: 2n, members: [LOCK, SENSOR] });
    expect(await world.members()).toEqual([LOCK, SENSOR]);
    expect(await world.holds(1n)).toEqual([false, true]);
    expect([await world.groupsOf(CAMERA), await world.groupsOf(SENSOR)]).toEqual([[], [GROUP]]);
  });

  it('of the end takes all envelopes and keeps in mind whom to tell', async () => {
    await world.pushed();
    await notice({ revision: 2n, members: [], deleted: true });
    expect(await world.holds(1n)).toEqual([false, false]);
    expect(await world.members()).toEqual(BOTH);
    expect((await known())?.deleted).toBe(true);
  });

  it('of the end counts also when it has the revision of the one before', async () => {
    await notice();
    await notice({ members: [], deleted: true });
    expect((await known())?.deleted).toBe(true);
  });

  it('of a higher key version counts also when it has the revision of the one before', async () => {
    await notice({ revision: 3n });
    await notice({ revision: 3n, keyVersion: 4n });
    expect(await known()).toMatchObject({ membershipRevision: 3n, keyVersion: 4n });
    await notice({ revision: 3n, keyVersion: 3n, members: [CAMERA] });
    expect(await known()).toMatchObject({ membershipRevision: 3n, keyVersion: 4n });
    expect(await world.members()).toEqual(BOTH);
  });

  it.each<[string, Partial<NoticeOf>[], bigint, bigint, boolean]>([
    ['an older one', [{ revision: 3n }, { revision: 2n, members: [CAMERA] }], 3n, 3n, false],
    ['the same one again', [{ revision: 3n }, { revision: 3n }], 3n, 3n, false],
    ['any after the end', [{ revision: 3n, members: [], deleted: true }, { revision: 4n }], 3n, 3n, true],
    [
      'a lower key version',
      [
        { revision: 3n, keyVersion: 7n },
        { revision: 4n, keyVersion: 5n },
      ],
      4n,
      7n,
      false,
    ],
  ])('never goes back by %s', async (_what, notices, revision, version, deleted) => {
    for (const one of notices) await notice(one);
    expect(await known()).toMatchObject({ membershipRevision: revision, keyVersion: version, deleted });
    expect(await world.members()).toEqual(deleted ? [] : BOTH);
  });

  it('of a group without members here is kept, and asks for nothing', async () => {
    await notice({ delivery: 'pull', members: [] });
    await world.requestsDone();
    expect([await world.members(), world.server.asked]).toEqual([[], []]);
    expect((await known())?.membershipRevision).toBe(1n);
  });

  it('has the members that any sequence of notices ends with', async () => {
    const pool = [CAMERA, LOCK, SENSOR, GATEWAY];
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.subarray(pool), { minLength: 1, maxLength: 4 }), async (changes) => {
        const groupId = `p${round++}`;
        for (const [index, some] of changes.entries())
          await world.notice({ groupId, revision: BigInt(index + 1), members: some });
        const last = changes.at(-1)!;
        for (const entity of pool) {
          expect(await world.groups.isMemberHere(groupId, entity)).toBe(last.includes(entity));
          expect((await world.groupsOf(entity)).includes(groupId)).toBe(last.includes(entity));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('of many members is applied in parts', async () => {
    const many = Array.from({ length: 2_300 }, (_, n) => `cpns://pn1.td.example/pne/e${String(n).padStart(5, '0')}`);
    await notice({ members: many });
    expect(await world.members()).toEqual(many);
    await notice({ revision: 2n, members: many.slice(0, 1) });
    expect(await world.members()).toEqual(many.slice(0, 1));
  });

  it('that is refused changes nothing', async () => {
    await notice();
    expect(await reasonOfAsync(notice({ revision: 2n, members: [STRANGER] }))).toBe('PN_MISMATCH');
    expect([(await known())?.membershipRevision, await world.members()]).toEqual([1n, BOTH]);
  });

  const good = noticeOf({ groupId: GROUP, members: [CAMERA] });
  const described = (change: Partial<NonNullable<ServiceGroupNotice['description']>>) => ({
    ...good,
    description: { ...good.description!, ...change },
  });
  it.each<[what: string, message: ServiceGroupNotice | undefined, reason: string]>([
    ['nothing', undefined, 'FIELD_MISSING'],
    ['without a description', { ...good, description: undefined }, 'FIELD_MISSING'],
    ['of a group without a name', described({ groupId: '' }), 'FIELD_MISSING'],
    ['of a group that is no name', described({ groupId: '../g' }), 'NAME_INVALID'],
    ['of no mode of delivery', described({ delivery: 0 }), 'FIELD_OUT_OF_RANGE'],
    ['without a seal period', described({ sealPeriod: 0n }), 'FIELD_OUT_OF_RANGE'],
    ['without a revision', { ...good, membershipRevision: 0n }, 'FIELD_MISSING'],
    ['without a key version', { ...good, keyVersion: 0n }, 'FIELD_MISSING'],
    ['without a key location', { ...good, keyLocation: '' }, 'FIELD_MISSING'],
    ['with a key location that is none', { ...good, keyLocation: 'http://x' }, 'NAME_INVALID'],
    ['with a member that is no entity', { ...good, members: ['camera'] }, 'NAME_INVALID'],
    ['with a member of another PN', { ...good, members: [CAMERA, STRANGER] }, 'PN_MISMATCH'],
    ['of a deleted group with members', { ...good, deleted: true }, 'FIELD_OUT_OF_RANGE'],
  ])('is not %s', async (_what, message, reason) => {
    const apply = world.module.get(ApplyNotice);
    expect(await reasonOfAsync(apply.execute({ traceparent: '', notice: message }))).toBe(reason);
    expect(await known()).toBeUndefined();
  });
});
