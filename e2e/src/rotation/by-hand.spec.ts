/** Rotation by hand: as a join does it, and as an emergency, after which no older version is given, pushed or opened. */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  GroupKeyVersionState,
  NO_PAGE,
  type GroupKeyStatus,
} from '@cpns/contracts';
import { duration } from '@cpns/core';
import { waitUntil } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { otherOf, reasonOf, REPLICAS, type Replica } from '../rights/replicas';
import { FAR, ids, RELAY, Scene } from '../support/scene';
import { printTable } from '../support/table';
import { AlertLog } from './alerts';

const { GROUP_KEY_VERSION_STATE_ACTIVE, GROUP_KEY_VERSION_STATE_PREPARED } = GroupKeyVersionState;
const WITHIN_MS = 1_000;
const WAIT = { withinMs: 30_000 };

jest.setTimeout(180_000);
const scene = new Scene();
beforeAll(() => scene.begin());
afterAll(() => scene.stop());

const newest = (status: GroupKeyStatus) => status.versions.at(-1)!;
const management = (at: Replica) => scene.asOperator('cpns-server', at).client(GroupKeyManagementServiceService);

async function rotate(groupId: string, at: Replica, emergency = false, requestId = randomBytes(16)) {
  const { status } = await management(at).rotateGroupKey({ groupId, emergency, requestId });
  return newest(status!);
}

describe('a gateway that holds a rotation up', () => {
  it('is shown, since when', async () => {
    const { deployment } = scene;
    const { push: groupId } = await scene.groupsWith();
    await deployment.stopService(FAR);
    const made = Date.now();
    expect(await rotate(groupId, 'b')).toMatchObject({ version: 2n });
    const acknowledged = async () => newest(await scene.status(groupId)).acknowledged === 1;
    await waitUntil('the acknowledgement of the other', acknowledged, WAIT);
    expect(newest(await scene.status(groupId))).toMatchObject({ recipients: 2, waiting: [deployment.uri(FAR)] });
    process.stdout.write(await scene.cpnsctl('group', 'versions', groupId));
    expect(Number(newest(await scene.status(groupId)).madeAt)).toBeGreaterThanOrEqual(made - 1_000);
    await deployment.restart(FAR);
    const complete = async () => newest(await scene.status(groupId)).waiting.length === 0;
    await waitUntil('the acknowledgement of the one that was away', complete, WAIT);
    expect(newest(await scene.status(groupId))).toMatchObject({ recipients: 2, acknowledged: 2 });
  });
});

describe.each(REPLICAS)('at replica %s', (replica) => {
  it('a new version for the same members, once for each request, alerted once', async () => {
    const groups = await scene.groupsWith();
    const log = new AlertLog([scene.asOperator('cpns-server', otherOf(replica))]);
    const traffic = await scene.traffic(ids(groups));
    for (const groupId of ids(groups)) {
      const requestId = randomBytes(16);
      expect(await rotate(groupId, replica, false, requestId)).toMatchObject({ version: 2n });
      // the answer was lost: the same request again, at the other replica
      expect(await rotate(groupId, otherOf(replica), false, requestId)).toMatchObject({ version: 2n });
      expect(await rotate(groupId, replica)).toMatchObject({ version: 3n });
    }
    for (const one of traffic)
      await waitUntil(`the use of version 3 of ${one.groupId}`, () => one.firstAt(3n) !== undefined, {
        withinMs: 45_000,
      });
    for (const one of traffic) expect(await one.stop()).toMatchObject({ faults: [], lost: 0 });
    for (const groupId of ids(groups)) await waitUntil('the alerts', () => log.of(groupId).at(-1) === 3n, WAIT);
    await log.stop();
    const sequences = log.alerts.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => sequences[0]! + BigInt(index)));
    for (const groupId of ids(groups)) expect([[2n, 3n], [3n]]).toContainEqual(log.of(groupId));
  });

  it('an emergency: no older version is given or opened any more, at Server, gateway and member', async () => {
    const put = await scene.member('secret', 'server', RELAY);
    const groups = await scene.groupsWith(put);
    const gateway = await scene.beside({ uri: scene.deployment.uri(RELAY) });
    const atServer = scene.connect('cpns-server', otherOf(replica), gateway.tls).client(GroupKeyDeliveryServiceService);
    const rows: string[][] = [];
    for (const groupId of ids(groups)) {
      const [{ local: sender }, { local: receiver }] = scene.stayers;
      const late = await sender.groups.seal(groupId, Buffer.from('under way'));
      const again = await sender.groups.seal(groupId, Buffer.from('known before'));
      await receiver.groups.open(again);
      const asked = Date.now();
      const { version, state } = await rotate(groupId, replica, true);
      const answered = Date.now();
      expect({ version, state }).toEqual({ version: 2n, state: GROUP_KEY_VERSION_STATE_ACTIVE });
      const pull = (one: bigint) => atServer.pullGroupKey({ groupId, version: one, entity: '', ...NO_PAGE });
      expect(await reasonOf(pull(1n))).toBe('VERSION_RETIRED');
      expect(await reasonOf(pull(2n))).toBe('accepted');
      const refusedAt = async (what: string, attempt: () => Promise<unknown>) => {
        await waitUntil(what, async () => (await reasonOf(attempt())) === 'VERSION_RETIRED', { ...WAIT, everyMs: 10 });
        return Math.max(0, Date.now() - answered);
      };
      const atGateway = await refusedAt('the refusal at the gateway', () => put.local.ask(groupId, 1n));
      // a message that is opened is not opened again: it is tried until the statement has come
      const hasHeard = async () => (await receiver.groups.status(groupId)).version === 2n;
      await waitUntil('the statement at a member', hasHeard, { ...WAIT, everyMs: 5 });
      const atMember = Math.max(0, Date.now() - answered);
      expect(await reasonOf(receiver.groups.open(late))).toBe('VERSION_RETIRED');
      rows.push([groupId, `${answered - asked} ms`, 'at once', `${atGateway} ms`, `${atMember} ms`]);
      expect(atGateway).toBeLessThan(WITHIN_MS);
      expect(atMember).toBeLessThan(WITHIN_MS);
      const senderHas = async () => (await sender.groups.status(groupId)).version === 2n;
      await waitUntil('the statement at the sender', senderHas, WAIT);
      const fresh = await sender.groups.seal(groupId, Buffer.from('afterwards'));
      expect(await receiver.groups.open(fresh)).toMatchObject({ version: 2n });
    }
    const headings = ['group', 'answered after', 'refused at the Server', 'at the gateway', 'at a member'];
    printTable(`an emergency at replica ${replica}`, headings, rows);
  });

  it('an emergency discards what was prepared, whose number is never used', async () => {
    const groupId = await scene.group({
      groupId: `prepared-${replica}`,
      delivery: 'push',
      activationDelay: duration(1, 'hour'),
    });
    const [{ local: sender }, { local: receiver }] = scene.stayers;
    expect(await rotate(groupId, replica)).toMatchObject({ version: 2n, state: GROUP_KEY_VERSION_STATE_PREPARED });
    expect(await receiver.groups.open(await sender.groups.seal(groupId, Buffer.from('x')))).toMatchObject({
      version: 1n,
    });
    expect(await rotate(groupId, replica, true)).toMatchObject({ version: 3n, state: GROUP_KEY_VERSION_STATE_ACTIVE });
    const heard = async () => (await receiver.groups.status(groupId)).version === 3n;
    await waitUntil('the emergency at the receiver', heard, WAIT);
    await waitUntil(
      'the emergency at the sender',
      async () => (await sender.groups.status(groupId)).version === 3n,
      WAIT,
    );
    expect(await receiver.groups.open(await sender.groups.seal(groupId, Buffer.from('y')))).toMatchObject({
      version: 3n,
    });
    for (const version of [1n, 2n]) expect(await reasonOf(receiver.ask(groupId, version))).toBe('VERSION_RETIRED');
    const { versions } = await scene.status(groupId);
    expect(
      versions.filter(({ state }) => state === GROUP_KEY_VERSION_STATE_ACTIVE).map(({ version }) => version),
    ).toEqual([3n]);
  });
});

describe('what is refused, with nothing changed', () => {
  it.each([
    ['a rotation of an unknown group', () => rotate('no-such-group', 'a'), 'NOT_FOUND'],
    [
      'a rotation of a deleted group',
      async () => {
        const groupId = await scene.group({ groupId: 'deleted', delivery: 'pull' });
        await scene.deployment.operator.groups.deleteGroup(groupId);
        return rotate(groupId, 'a');
      },
      'GROUP_DELETED',
    ],
    [
      'a period that is shorter than delay and grace together',
      () =>
        scene.group({
          groupId: 'short',
          delivery: 'pull',
          activationDelay: duration(1, 'second'),
          updatePeriod: duration(61, 'second'),
        }),
      'FIELD_OUT_OF_RANGE',
    ],
    [
      'a join window in a group that pulls',
      () => scene.group({ groupId: 'window', delivery: 'pull', joinWindow: 1_000 }),
      'FIELD_OUT_OF_RANGE',
    ],
    [
      'versions ahead in a group that pushes',
      () =>
        scene.group({
          groupId: 'ahead',
          delivery: 'push',
          preparedVersions: 2,
          updatePeriod: duration(1, 'hour'),
        }),
      'FIELD_OUT_OF_RANGE',
    ],
    [
      'a change on a stale revision',
      async () => {
        const groupId = await scene.group({ groupId: 'stale', delivery: 'pull' });
        const { groups } = scene.deployment.operator;
        await groups.update({ groupId, updatePeriod: duration(1, 'hour') }, ['update_period'], 1n);
        return groups.update({ groupId, updatePeriod: 0 }, ['update_period'], 1n);
      },
      'REVISION_STALE',
    ],
  ])('%s', async (_what, attempt, reason) => {
    expect(await reasonOf(attempt())).toBe(reason);
  });

  it('a resume point that is not in the log begins again with a snapshot', async () => {
    const { push } = await scene.groupsWith();
    await rotate(push, 'a');
    const log = new AlertLog([scene.asOperator('cpns-server', 'b')]);
    await waitUntil('its end', () => log.of(push).length === 1, WAIT);
    const { lastSequence } = log.position;
    await log.stop();
    const other = new AlertLog([scene.asOperator('cpns-server', 'b')], { lastSequence, lastEntryId: randomBytes(16) });
    await waitUntil('a snapshot', () => other.snapshots.length === 1, WAIT);
    expect(other.snapshots[0]).toContain(push);
    await rotate(push, 'a');
    await waitUntil('what comes after it', () => other.of(push).length === 1, WAIT);
    await sleep(100);
    await other.stop();
    expect(other.alerts.map(({ sequence }) => sequence)).toEqual([lastSequence + 1n]);
  });
});
