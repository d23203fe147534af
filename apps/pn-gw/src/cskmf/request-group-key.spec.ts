import type { GatewayGroupKeyDelivery } from '@cpns/contracts';
import { CpnsError, type Reason } from '@cpns/core';
import { eventually, perTest } from '@cpns/core/testing';
import { away, type NoticeOf } from '../testing/fake-smf';
import { BOTH, CAMERA, GatewayWorld, GROUP, LOCK, SENSOR, STRANGER } from '../testing/world';

const PULL = { groupId: GROUP, delivery: 'pull', members: BOTH } as const;
const FOR_ALL = { groupId: GROUP, version: 0n, entity: '', pageSize: 1_000, pageToken: '' };

describe('the key of a group that was noticed (FLOW-PULL steps 8 to 11)', () => {
  const world = perTest(new GatewayWorld());

  const answering = (version: bigint) => (world.server.answer = () => world.server.keyFor(GROUP, version, BOTH));
  it.each<[what: string, notices: readonly Partial<NoticeOf>[], asked: number]>([
    ['once, for all members', [{}, {}], 1],
    ['not where it is pushed', [{ delivery: 'push' }], 0],
    ['not again when the members change: each asks for itself', [{}, { revision: 2n }], 1],
    ['at the first notice here, whatever its revision', [{ revision: 5n }], 1],
    ['when the group gets its first members here', [{ members: [] }, { revision: 2n }], 1],
  ])('is asked for %s', async (_what, notices, asked) => {
    answering(5n);
    for (const one of notices) {
      await world.notice({ ...PULL, ...one });
      await world.requestsDone();
    }
    expect(world.server.asked).toEqual(Array(asked).fill(FOR_ALL));
    expect(await world.holds(5n)).toEqual([asked > 0, asked > 0]);
  });

  it('is waited for while the Server is away, and no notice waits with it', async () => {
    await world.notice(PULL);
    await world.requestsDone();
    await world.notice({ ...PULL, revision: 2n });
    await world.notice({ groupId: 'other', members: BOTH });
    expect([await world.requestsOf(), await world.holds(2n)]).toEqual([2, [false, false]]);
    answering(2n);
    await eventually(async () => expect(await world.requestsOf()).toBe(0));
    expect(await world.holds(2n)).toEqual([true, true]);
    // one answer does for both requests
    expect(world.server.asked.filter(({ entity }) => entity === '').length).toBeGreaterThan(1);
    const asked = world.server.asked.length;
    await world.requestsDone();
    expect(world.server.asked).toHaveLength(asked);
  });

  it('is asked for after a restart', async () => {
    await world.notice(PULL);
    await world.requestsDone();
    answering(1n);
    await world.restart();
    const over = new AbortController();
    const running = world.requests.run(over.signal);
    await eventually(async () => expect(await world.holds(1n)).toEqual([true, true]));
    await eventually(async () => expect(await world.requestsOf()).toBe(0));
    over.abort();
    await running;
  });

  it('is not asked for any more once the group was deleted', async () => {
    await world.notice(PULL);
    await world.requestsDone();
    await world.notice({ ...PULL, revision: 2n, members: [], deleted: true });
    const asked = world.server.asked.length;
    answering(1n);
    await world.requestsDone();
    expect([world.server.asked.length, await world.requestsOf(), await world.holds(1n)]).toEqual([
      asked,
      0,
      [false, false],
    ]);
  });

  describe('that comes in pages', () => {
    const ONE_BY_ONE = ['', 'second', 'third'];
    const ALL = [CAMERA, LOCK, SENSOR];
    const PAGED = { ...PULL, members: ALL };
    beforeEach(() => {
      world.server.nextPage = (token) => ONE_BY_ONE[ONE_BY_ONE.indexOf(token) + 1] ?? '';
      world.server.answer = ({ pageToken }) => pageFor(pageToken);
    });
    const pageFor = (token: string, version = 5n) =>
      world.server.keyFor(GROUP, version, [ALL[ONE_BY_ONE.indexOf(token)]!]);

    it('is asked for until the last one, by the version of the first', async () => {
      await world.notice(PAGED);
      await world.requestsDone();
      expect(world.server.asked).toEqual([
        FOR_ALL,
        { ...FOR_ALL, version: 5n, pageToken: 'second' },
        { ...FOR_ALL, version: 5n, pageToken: 'third' },
      ]);
      expect([await world.versions(), await world.requestsOf()]).toEqual([[5n], 0]);
      for (const entity of ALL) expect(await world.envelopes.find(entity, GROUP, 5n)).toBeDefined();
    });

    it('counts with its last page, and is asked for from the first when one fails', async () => {
      let isAway = true;
      world.server.answer = ({ pageToken }) => (isAway && pageToken === 'third' ? away() : pageFor(pageToken));
      await world.notice(PAGED);
      await world.requestsDone();
      expect([await world.versions(), await world.requestsOf()]).toEqual([[], 1]);
      isAway = false;
      await eventually(async () => expect(await world.requestsOf()).toBe(0));
      expect(await world.versions()).toEqual([5n]);
    });

    it.each<[string, () => void]>([
      [
        'a page about another version',
        () => (world.server.answer = ({ pageToken }) => pageFor(pageToken, pageToken === '' ? 5n : 6n)),
      ],
      ['the token that was sent', () => (world.server.nextPage = () => 'second')],
    ])('is given up where the Server answers with %s', async (_what, alter) => {
      alter();
      await world.notice(PAGED);
      await world.requestsDone();
      expect([await world.versions(), await world.requestsOf()]).toEqual([[], 0]);
      expect(world.log.text()).toContain('gives no Group Key');
    });
  });

  describe('is given up where the Server', () => {
    const refusal = (reason: Reason) => () => Promise.reject(new CpnsError(reason, 'no'));
    it.each<[string, () => GatewayGroupKeyDelivery | Promise<never>]>([
      ['says that there is no member here', refusal('NOT_A_MEMBER')],
      ['says that there is no such group', refusal('NOT_FOUND')],
      ['says that the group was deleted', refusal('GROUP_DELETED')],
      ['sends more than is taken', refusal('MESSAGE_TOO_LARGE')],
      ['answers about another group', () => world.server.keyFor('other', 1n, BOTH)],
      ['sends the envelope of another PN', () => world.server.keyFor(GROUP, 1n, [STRANGER])],
      [
        'sends a statement that was altered',
        () => {
          const answer = world.server.keyFor(GROUP, 1n, BOTH);
          return { ...answer, statement: { ...answer.statement!, sealUntil: 1n } };
        },
      ],
    ])('%s', async (_what, answer) => {
      world.server.answer = answer;
      await world.notice(PULL);
      await world.requestsDone();
      expect([await world.requestsOf(), await world.holds(1n)]).toEqual([0, [false, false]]);
      expect(await world.versions()).toEqual([]);
      expect(world.log.text()).toContain('gives no Group Key');
    });
  });

  it.each<Reason>(['DEPENDENCY_UNAVAILABLE', 'SHUTTING_DOWN', 'CONFLICT', 'INTERNAL'])(
    'is asked for again after %s',
    async (reason) => {
      world.server.answer = () => Promise.reject(new CpnsError(reason, 'not now'));
      await world.notice(PULL);
      await world.requestsDone();
      expect(await world.requestsOf()).toBe(1);
      answering(1n);
      await eventually(async () => expect(await world.requestsOf()).toBe(0));
      expect(await world.holds(1n)).toEqual([true, true]);
      world.server.answer = away;
    },
  );
});
