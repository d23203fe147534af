/** A snapshot of notices: all of it counts, or nothing. */
import { OpenNoticeChannelResponse } from '@cpns/contracts';
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { noticeOf, type NoticeOf } from '../testing/fake-smf';
import { BOTH, CAMERA, GatewayWorld, GROUP, LOCK } from '../testing/world';
import { NoticeChannel } from './notice-channel';
import { LOG, NoticeStaging, STAGED } from './notice-staging';

describe('the notices of a snapshot', () => {
  const world = perTest(new GatewayWorld());
  let stop: () => Promise<void>;
  beforeEach(async () => {
    const over = new AbortController();
    const running = world.module.get(NoticeChannel).run(over.signal);
    stop = async () => {
      over.abort();
      await running;
    };
    await eventually(() => expect(world.smf.log.isOpen).toBe(true));
  });
  afterEach(() => stop());

  const known = async (groupId: string) => (await world.groups.read(groupId)).notice;
  const told = async (notices: NoticeOf[], count?: number) => {
    await world.smf.log.snapshot(
      notices.map((of) => ({ notice: noticeOf(of) })),
      count,
    );
  };
  const taken = () => eventually(() => expect(world.smf.log.acknowledged).toBe(1n));

  it('are what is so: members of groups that none names are none, and their envelopes go', async () => {
    await world.pushed();
    await world.notice({ groupId: 'g2', members: [CAMERA] });
    await told([{ groupId: 'g2', revision: 2n, members: [LOCK] }]);
    await taken();
    expect([await world.members(), await world.groups.members('g2')]).toEqual([[], [LOCK]]);
    expect(await world.holds(1n)).toEqual([false, false]);
    expect([await world.groupsOf(CAMERA), await world.groupsOf(LOCK)]).toEqual([[], ['g2']]);
  });

  it('count also where they are lower than what was known, and the log goes on from there', async () => {
    await world.notice({ groupId: GROUP, revision: 5n, members: BOTH });
    await told([{ groupId: GROUP, revision: 3n, members: [CAMERA] }]);
    await taken();
    expect(await world.members()).toEqual([CAMERA]);
    world.smf.log.add({ notice: noticeOf({ groupId: GROUP, revision: 4n, members: [LOCK] }) });
    await eventually(async () => expect(await world.members()).toEqual([LOCK]));
  });

  it('come in parts, as many as their end says', async () => {
    await told([
      { groupId: 'g2', members: [CAMERA], more: true },
      { groupId: 'g2', members: [LOCK], part: 1 },
    ]);
    await taken();
    expect(await world.groups.members('g2')).toEqual(BOTH);
  });

  it('take no end of a group back, named or not', async () => {
    for (const groupId of [GROUP, 'g2']) {
      await world.notice({ groupId, members: BOTH });
      await world.notice({ groupId, revision: 2n, members: [], deleted: true });
    }
    await told([{ groupId: 'g2', revision: 3n, members: BOTH }]);
    await taken();
    expect([(await known(GROUP))?.deleted, (await known('g2'))?.deleted]).toEqual([true, true]);
  });

  it('change nothing when they are not as many as their end says', async () => {
    await world.notice({ groupId: GROUP, members: BOTH });
    await told([{ groupId: 'g2', members: [LOCK] }], 2);
    await eventually(() => expect(world.log.text()).toContain('a snapshot of 2 messages came as 1'));
    expect([await world.members(), await known('g2')]).toEqual([BOTH, undefined]);
  });

  it('of a snapshot that was cut off are forgotten by the next one', async () => {
    await world.notice({ groupId: GROUP, members: BOTH });
    await told([{ groupId: 'cut', members: [LOCK] }], 2);
    await eventually(() => expect(world.smf.log.opened).toHaveLength(2));
    await told([{ groupId: 'g2', members: [LOCK] }]);
    await eventually(async () => expect(await known('g2')).toBeDefined());
    expect(await known('cut')).toBeUndefined();
  });

  it('that were altered where they are kept are not applied', async () => {
    const staging = world.module.get(NoticeStaging);
    const keptAs = async (members: string[]) => {
      await staging.begin();
      await staging.take(OpenNoticeChannelResponse.fromPartial({ notice: noticeOf({ groupId: 'g2', members }) }));
      return (await world.store.readLog(STAGED, LOG, 0n, 1)).entries[0]!;
    };
    const applied: string[][] = [];
    const end = () => staging.end(({ notice }) => Promise.resolve(void applied.push(notice?.members ?? [])));
    await keptAs([CAMERA]);
    await end();
    const { value, dedupeId, sequence } = await keptAs([CAMERA]);
    const altered = Buffer.from(value);
    altered[value.length - 1]! ^= 1;
    await world.store.commit(STAGED, { trim: [{ log: LOG, upTo: sequence }] });
    await world.store.commit(STAGED, { append: [{ log: LOG, dedupeId, value: altered }] });
    expect(await reasonOfAsync(end())).toBe('STORED_RECORD_INVALID');
    expect(applied).toEqual([[CAMERA]]);
  });
});
