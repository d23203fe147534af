/** What a gateway gains by withholding the next version of a Group Key: the rest of the seal period, and no more. */
import { parseContentHeader } from '@cpns/group-key';
import { row, type Shown } from '@cpns/testing/bad-input';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../bad-input/phase';
import { device, GroupMember, type Tamper } from '../bad-input/rows/groups/served-devices';
import { group, groupsOf, member } from '../bad-input/rows/groups/stage';
import type { World } from '../bad-input/world';

/** As short as a group may have it, and long enough for a pull on a busy machine; milliseconds. */
const SEAL_PERIOD = 3_000;

/** A member that sealed with version 1 in time, when version 2 waits for it; and how its gateway withholds that. */
async function sealedInTime(world: World, withholding: Withholding) {
  const own = await device(world, 1);
  const one = new GroupMember(own, await group(world, [own.entity], { sealPeriod: SEAL_PERIOD }));
  const tamper = await withholding(one);
  await one.pull();
  expect(await versionSealedWith(one)).toBe(1n);
  await groupsOf(world).addMembers(one.groupId, [await member(world)]);
  return { one, tamper };
}
type Withholding = (victim: GroupMember) => Promise<Tamper>;
const versionSealedWith = async (one: GroupMember) => parseContentHeader(await one.seal('a message')).version;

/** Both seal once the seal period is over. */
const lateSeal = (shown: Shown, withholding: Withholding): Row =>
  row(shown, 'device', async (world: World) => {
    const { one: honest } = await sealedInTime(world, withholding);
    const { one: victim, tamper } = await sealedInTime(world, withholding);
    return {
      good: async () => {
        await sleep(SEAL_PERIOD + 50);
        expect(await versionSealedWith(honest)).toBe(2n);
      },
      bad: () => victim.through(tamper, () => victim.seal('too late')),
      after: async () => {
        await victim.pull();
        expect(await versionSealedWith(victim)).toBe(2n);
      },
    };
  });

const ITEM = 'a replayed or lower statement';
const BEFORE: Shown = ['sealing late, behind the delivery of the version before', ITEM, 'SEAL_PERIOD_OVER'];
const ANEW: Shown = ['sealing late, behind the version before as the Server states it anew', ITEM, 'SEAL_PERIOD_OVER'];

export const LATE_SEALS: readonly Row[] = [
  lateSeal(BEFORE, async (victim) => {
    const old = await victim.honest();
    return () => old;
  }),
  lateSeal(ANEW, (victim) => Promise.resolve(() => victim.honest(1n))),
];
