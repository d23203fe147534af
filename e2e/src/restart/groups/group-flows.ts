/** Flows of groups: what an operator and members ask for, and what a device does with its keys. */
import { CpnsError } from '@cpns/core';
import type { DeliveryMode } from '@cpns/group-key';
import { randomBytes } from 'node:crypto';
import type { Flow, Run } from '../campaign';
import { DEVICE, type FlowName, isChance, KMC, SMF } from '../due';
import { eventually, type House, type Part, persistently } from '../house';
import type { KillSuite } from '../suite';
import {
  expectAlikeEverywhere,
  expectGone,
  expectInUse,
  expectOneKey,
  lackingAt,
  type Outcome,
  outcomeOf,
} from './outcome';

const flow = (name: FlowName, prepare: Flow['prepare']): Flow => ({
  name,
  prepare,
  isOfAnother: (site) => isChance(name, site),
});

/** What an operator makes of a creation whose answer was lost: the group is there, and his. */
async function create({ groups }: House, groupId: string, delivery: DeliveryMode, members: readonly string[]) {
  let asked = 0;
  await persistently(async () => {
    asked += 1;
    await groups.createGroup({ groupId, delivery, members, openToJoin: true });
  }).catch((error: unknown) => {
    if (asked === 1 || !(error instanceof CpnsError) || error.reason !== 'ALREADY_EXISTS') throw error;
  });
}

/** What an operator does about a report that says that something is left: the same call again. */
async function revoke({ deployment, members }: House): Promise<void> {
  const { entity } = members.mover;
  await eventually(`all that follows from the end of ${entity}`, async () => {
    const { complete } = await deployment.operator.end({ entity });
    return complete;
  });
}

/** Resolves when every service, gateway and device has all that it is due for the group. @throws Error with what is left */
async function settled(house: House, groupId: string, outcome?: Outcome): Promise<void> {
  let lacking: string[] = [];
  const look = async () => {
    lacking = await house.sight.underWay(groupId);
    if (outcome !== undefined) lacking.push(...(await lackingAt(house, outcome)));
    return lacking.length === 0;
  };
  await eventually(() => `the end of what ${groupId} has under way (${lacking.join('; ')})`, look);
}

/** Asks for a change of the group. What is asked for twice has to be done once. */
type Ask = (house: House, groupId: string) => Promise<unknown>;

/**
 * One change of a group of its own.
 * @param before the members; none where the change makes the group
 * @param after none where it deletes the group
 */
const change = (
  name: FlowName,
  delivery: DeliveryMode,
  before: readonly Part[],
  after: readonly Part[],
  ask: Ask = ({ groups, members }, groupId) => groups.addMembers(groupId, [members.mover.entity]),
): Flow =>
  flow(name, async (house) => {
    const groupId = house.newId('group');
    if (ask === revoke) await house.renew('mover');
    const created = async (parts: readonly Part[]) => {
      const entities = parts.map((part) => house.members[part].entity);
      await create(house, groupId, delivery, entities);
    };
    if (before.length > 0) {
      await created(before);
      await settled(house, groupId, outcomeOf(groupId, delivery, [], before));
      // a member that leaves, or stays until the end, had a key
      for (const part of before) await persistently(() => house.members[part].local.groups.pull(groupId));
    }
    const outcome = outcomeOf(groupId, delivery, before, after);
    return {
      perform: async () => {
        await (before.length === 0 ? created(after) : persistently(() => ask(house, groupId)));
        await settled(house, groupId, outcome);
      },
      check: async () => {
        await settled(house, groupId, outcome);
        await expectAlikeEverywhere(house, outcome);
        await (outcome.deleted ? expectGone : expectInUse)(house, outcome);
      },
    };
  });

/**
 * GK-PULL or GK-PUSH of the device that is a process of its own: in the end it holds the newest version.
 * @param perform also what the device does when it was started again
 */
const deviceRun = (house: House, group: string, newest: bigint, perform: () => Promise<void>): Run => ({
  perform,
  finish: {
    [DEVICE]: async (first) => {
      await expect(first).rejects.toThrow('SIGKILL');
      await house.openDevice();
      await perform();
    },
  },
  check: async () => {
    const version = Number(newest);
    const { groups } = await house.tell({ command: 'status', group });
    expect(groups).toMatchObject([{ group, version, ended: false, left: false }]);
    expect(groups[0]?.versions).toContain(version);
    const { entity, local } = house.members.stayer;
    await persistently(() => local.groups.pull(group));
    const plaintext = Buffer.from(`${group} to the process`);
    const data = plaintext.toString('base64');
    const sealed = await persistently(() => local.groups.seal(group, plaintext));
    const opened = await house.tell({ command: 'open', message: sealed.toString('base64') });
    expect(opened).toMatchObject({ group, version, sender: entity, data });
    const answer = await house.tell({ command: 'seal', group, data });
    expect(answer.version).toBe(version);
    const heard = await persistently(() => local.groups.open(Buffer.from(answer.message, 'base64')));
    expect(heard).toMatchObject({ groupId: group, version: newest, sender: house.device.entity });
    await expectOneKey(house, group, newest);
    expect(await house.sight.underWay(group)).toEqual([]);
  },
});

/** Added to a group that pulls: neither it nor its gateway has the version that it is given. */
const pulls = flow('GK-PULL', async (house) => {
  const groupId = house.newId('group');
  await create(house, groupId, 'pull', [house.members.stayer.entity]);
  await settled(house, groupId);
  await persistently(() => house.groups.addMembers(groupId, [house.device.entity]));
  await settled(house, groupId);
  return deviceRun(house, groupId, 2n, async () => void (await house.tell({ command: 'pull', group: groupId })));
});

/** A member that watches when a group that pushes is made. */
const pushes = flow('GK-PUSH', (house) => {
  const group = house.newId('group');
  let creation: Promise<void> | undefined;
  return deviceRun(house, group, 1n, async () => {
    await house.tell({ command: 'watch' });
    await (creation ??= create(house, group, 'push', [house.members.stayer.entity, house.device.entity]));
    // looks again and again, since a command that is interrupted by a death is done anew without the watch
    await eventually(`the push of ${group}`, async () =>
      (await house.tell({ command: 'status', group })).groups.some(({ version }) => version > 0),
    );
    await settled(house, group);
  });
});

/** By hand: what is asked for again under the same id is made once. */
function renewal(): Flow {
  const requests = new Map<string, Buffer>();
  return change('GK-UPDATE-T', 'push', STAY, STAY, ({ groups }, groupId) => {
    const requestId = requests.get(groupId) ?? randomBytes(16);
    requests.set(groupId, requestId);
    return groups.rotate(groupId, { requestId });
  });
}

const STAY: readonly Part[] = ['stayer', 'afar'];
const ALL: readonly Part[] = [...STAY, 'mover'];

export const GROUP_FLOWS: KillSuite = {
  what: 'group flows',
  services: [KMC, SMF],
  flows: [
    change('FLOW-PULL', 'pull', [], STAY),
    change('FLOW-PUSH', 'push', [], STAY),
    change('GK-UPDATE-M, added in a pull group', 'pull', STAY, ALL),
    change('GK-UPDATE-M, added in a push group', 'push', STAY, ALL),
    change('GK-UPDATE-M, removed', 'push', ALL, STAY, ({ groups, members }, groupId) =>
      groups.removeMembers(groupId, [members.mover.entity]),
    ),
    change('GK-UPDATE-M, joins', 'pull', STAY, ALL, ({ members }, groupId) => members.mover.local.groups.join(groupId)),
    change('GK-UPDATE-M, leaves', 'pull', ALL, STAY, ({ members }, groupId) =>
      members.mover.local.groups.leave(groupId),
    ),
    renewal(),
    change('GK-DELETE', 'push', STAY, [], ({ groups }, groupId) => groups.deleteGroup(groupId)),
    pulls,
    pushes,
    change('EUK-REVOKE', 'push', ALL, STAY, revoke),
  ],
};
