import { parseEntityUri } from '@cpns/core';
import { perTest } from '@cpns/core/testing';
import { failingStore } from '@cpns/store/testing';
import { GW, GW2, pne, World } from '../testing/world';
import { LastSeen } from './last-seen';

const ENTITY = parseEntityUri(pne('a'));
const world = perTest(new World());
const lastSeen = async (store = world.store) => (await world.process(store)).module.get(LastSeen, { strict: false });

it('is noted once a minute, by whichever replica', async () => {
  const [seen, other] = [await lastSeen(), await lastSeen()];
  const minute = Math.ceil(world.clock.now() / 60_000) * 60_000;
  world.clock.advance(minute - world.clock.now());
  expect(await seen.of(ENTITY)).toBeUndefined();
  const commits = jest.spyOn(world.store, 'commit');
  for (const one of [seen, seen, other]) await one.note(ENTITY, GW);
  expect([commits.mock.calls.length, await other.of(ENTITY)]).toEqual([1, { at: minute, gateway: GW }]);
  world.clock.advance(59_999);
  await other.note(ENTITY, GW2);
  expect(commits).toHaveBeenCalledTimes(1);
  world.clock.advance(1);
  await other.note(ENTITY, GW2);
  expect(await seen.of(ENTITY)).toEqual({ at: minute + 60_000, gateway: GW2 });
});

it('never fails, and is noted with the next call', async () => {
  const seen = await lastSeen(failingStore(world.store, { at: 1, when: 'before' }));
  await seen.note(ENTITY, GW);
  expect(await seen.of(ENTITY)).toBeUndefined();
  const other = await lastSeen();
  await other.note(ENTITY, GW);
  expect(await other.of(ENTITY)).toMatchObject({ gateway: GW });
});
