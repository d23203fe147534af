/**
 * Versions that come out of the order of notices and pushes: an emergency, whose statement ends all older versions at once,
 * and the envelopes of one who joins with a version that is there already.
 */
import type { GatewayGroupKeyDelivery, WatchGroupKeysResponse } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { GRACE_MS } from '@cpns/group-key';
import { BOTH, CAMERA, GatewayWorld, GROUP, LOCK } from '../testing/world';
import { PullGroupKey } from './cskmf.controller';

const world = perTest(new GatewayWorld());

const seen = (sent: readonly WatchGroupKeysResponse[]) =>
  sent.map(({ delivery }) => `${delivery?.statement?.version} ${delivery?.own.length === 0 ? 'alone' : 'key'}`);
/** A version as the Server states an emergency, or so long after its activate-at. */
const late = (version: bigint, members: readonly string[], since = 2 * GRACE_MS): GatewayGroupKeyDelivery =>
  world.server.delivery(world.server.statement(GROUP, version, { activateAt: world.clock.now() - since }), members);
const pull = async (version = 0n, entity = CAMERA) =>
  (await world.module.get(PullGroupKey).execute({ groupId: GROUP, version }, world.call(entity))).statement?.version;
const refusing = (reason: 'VERSION_RETIRED' | 'DEPENDENCY_UNAVAILABLE') =>
  (world.server.answer = () => Promise.reject(new CpnsError(reason, 'no')));
const answering = (version: bigint) =>
  (world.server.answer = ({ entity }) => world.server.keyFor(GROUP, version, entity === '' ? BOTH : [entity]));

describe.each(['push', 'pull'] as const)('an emergency in a group that is to %s', (delivery) => {
  const how = delivery === 'push' ? 'key' : 'alone';
  const envelopesFor = delivery === 'push' ? BOTH : [];
  const notice = (revision: bigint, members: readonly string[] = BOTH) =>
    world.notice({ groupId: GROUP, delivery, revision, members });
  beforeEach(async () => {
    answering(1n);
    await notice(1n);
    if (delivery === 'push') await world.push(world.server.keyFor(GROUP, 1n, BOTH));
    await world.requestsDone();
    expect([await world.versions(), await world.holds(1n)]).toEqual([[1n], [true, true]]);
  });

  it.each([
    ['before its notice', false],
    ['after its notice', true],
  ])('ends what is older and wakes who watches, %s', async (_when, isNoticed) => {
    const { sent, hangUp } = world.watch(CAMERA);
    if (isNoticed) await notice(2n);
    await world.push(late(2n, envelopesFor));
    await eventually(() => expect(seen(sent).at(-1)).toBe(`2 ${how}`));
    expect(await world.versions()).toEqual([2n]);
    expect(await world.holds(1n)).toEqual([false, false]);
    // one that overtook its notice is reported, and kept for who joins, with that
    expect(await world.waiting()).toEqual(isNoticed ? [] : [2n]);
    if (!isNoticed) await notice(2n);
    expect([await world.versions(), await world.waiting()]).toEqual([[2n], []]);
    expect(await world.holds(2n)).toEqual([delivery === 'push', delivery === 'push']);
    hangUp();
    for (const refusal of ['VERSION_RETIRED', 'DEPENDENCY_UNAVAILABLE'] as const) {
      refusing(refusal);
      expect(await reasonOfAsync(pull(1n))).toBe(refusal);
    }
  });

  it.each([
    ['the same process', () => Promise.resolve()],
    ['another process', () => world.restart()],
  ])('is told of to one who watches later, by %s', async (_who, next) => {
    await world.push(late(2n, envelopesFor));
    await next();
    const { sent, hangUp } = world.watch(LOCK);
    await eventually(() => expect(seen(sent)).toEqual([`2 ${how}`]));
    await notice(2n);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen(sent)).toEqual([`2 ${how}`]);
    hangUp();
  });

  it('is told of also where a member pulled it before', async () => {
    await notice(2n);
    world.server.answer = ({ entity }) => late(2n, [entity]);
    expect(await pull()).toBe(2n);
    const { sent, hangUp } = world.watch(LOCK);
    const { statement } = (await world.groups.read(GROUP)).statements.at(-1)!;
    await world.push(world.server.delivery(statement, envelopesFor));
    await eventually(() => expect(seen(sent)).toEqual([`2 ${how}`]));
    hangUp();
  });

  it('is told of alone to one whose envelope is for a key before', async () => {
    await world.credential(CAMERA, { epoch: 1 });
    await world.push(late(2n, envelopesFor));
    const { sent, hangUp } = world.watch(CAMERA, { epoch: 1 });
    await eventually(() => expect(seen(sent)).toEqual(['2 alone']));
    hangUp();
  });

  it('is told of to nobody whom the notice before it took out', async () => {
    await notice(2n, [LOCK]);
    const [out, member] = [world.watch(CAMERA), world.watch(LOCK)];
    await world.push(late(2n, delivery === 'push' ? [LOCK] : []));
    await eventually(() => expect(seen(member.sent)).toContain(`2 ${how}`));
    expect(seen(out.sent)).toEqual([]);
    out.hangUp();
    member.hangUp();
  });

  it('is followed by an ordinary version, of which a pulling group is not told', async () => {
    await world.push(late(2n, envelopesFor));
    await notice(2n);
    await notice(3n);
    if (delivery === 'push') await world.push(world.server.keyFor(GROUP, 3n, BOTH));
    else {
      answering(3n);
      expect(await pull()).toBe(3n);
    }
    const { sent, hangUp } = world.watch(CAMERA);
    await world.pushed(1n, 'last');
    await eventually(() => expect(seen(sent)).toEqual(delivery === 'push' ? ['3 key', '1 key'] : ['1 key']));
    hangUp();
  });

  it('does not go back to what is older', async () => {
    await world.push(late(3n, envelopesFor));
    expect(await reasonOfAsync(world.push(late(2n, envelopesFor)))).toBe('STATEMENT_LOWER');
    expect([await world.versions(), await world.waiting()]).toEqual([[3n], [3n]]);
  });

  it('is what is active for a minute; a younger one waits for its notice', async () => {
    await world.push(late(2n, envelopesFor, GRACE_MS - 1));
    expect([await world.versions(), await world.waiting()]).toEqual([[1n], [2n]]);
    await world.push(late(3n, envelopesFor, GRACE_MS));
    expect([await world.versions(), await world.waiting()]).toEqual([[3n], [2n, 3n]]);
  });
});

describe('an emergency that comes in parts', () => {
  it('is told of at once, and each envelope when it comes', async () => {
    await world.pushed();
    const [camera, lock] = [world.watch(CAMERA), world.watch(LOCK)];
    await eventually(() => expect([...seen(camera.sent), ...seen(lock.sent)]).toEqual(['1 key', '1 key']));
    const whole = late(2n, BOTH);
    const [first, last] = whole.envelopes.map((one) => ({ ...whole, envelopes: [one] }));
    await world.push({ ...first!, more: true });
    await eventually(() => expect(seen(lock.sent)).toEqual(['1 key', '2 alone']));
    await world.push({ ...last!, part: 1 });
    await eventually(() => expect(seen(lock.sent)).toEqual(['1 key', '2 alone', '2 key']));
    expect(seen(camera.sent)).toEqual(['1 key', '2 key']);
    camera.hangUp();
    lock.hangUp();
  });
});

describe('one who joins with a version that is there already', () => {
  const joined = () => world.notice({ groupId: GROUP, revision: 2n, keyVersion: 1n, members: BOTH });
  const push = () => world.push(world.server.keyFor(GROUP, 1n, BOTH));
  beforeEach(() => world.pushed(1n, GROUP, [CAMERA]));

  it.each([
    ['before its notice', [push, joined]],
    ['before its notice, and a restart', [push, () => world.restart(), joined]],
    ['after its notice', [joined, push]],
  ])('has its envelope, that came %s', async (_when, acts) => {
    for (const act of acts) await act();
    expect(await world.holds(1n)).toEqual([true, true]);
    expect(await pull(0n, LOCK)).toBe(1n);
    expect(world.server.asked).toEqual([]);
  });

  it('is given nothing before its notice, and told with that', async () => {
    const { sent, hangUp } = world.watch(LOCK);
    await push();
    expect(await reasonOfAsync(pull(0n, LOCK))).toBe('DEPENDENCY_UNAVAILABLE');
    expect(seen(sent)).toEqual([]);
    await joined();
    await eventually(() => expect(seen(sent)).toEqual(['1 key']));
    hangUp();
  });

  it('has none of a version before the newest that is noticed: it left with that', async () => {
    await world.notice({ groupId: GROUP, revision: 2n, members: [CAMERA] });
    await push();
    expect(await world.holds(1n)).toEqual([true, false]);
  });
});
