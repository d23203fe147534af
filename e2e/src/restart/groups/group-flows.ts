import { CpnsError } from '@cpns/core';
import type { DeliveryMode } from '@cpns/testing';
import { DEVICE } from '../due';
import type { Flow, Run } from '../flow';
import { eventually, persistently, type HouseOptions } from '../house';
import { expectAlikeEverywhere, expectGone, expectInUse, expectOneKey, lackingAt, type Outcome } from './group-checks';
import { GROUP_DUE, isOfAnother, isRacy } from './group-due';
import { GroupHouse, type Part } from './group-house';

/** One change of a group of its own. */
interface Change {
  readonly delivery: DeliveryMode;
  /** The members before it; none where it makes the group. */
  readonly before: readonly Part[];
  readonly after: readonly Part[];
  readonly deletes?: boolean;
  /** Asks for the change until it is answered. What is asked for twice has to be done once. */
  readonly ask: (house: GroupHouse, groupId: string) => Promise<unknown>;
}

type GroupFlow = Flow<GroupHouse>;

const flow = (name: keyof typeof GROUP_DUE, prepare: GroupFlow['prepare']): GroupFlow => {
  const due = GROUP_DUE[name];
  return { name, due, prepare, isOfAnother: isOfAnother(due), isRacy };
};

/** What an operator makes of a creation whose answer was lost: the group is there, and his. */
async function create(house: GroupHouse, groupId: string, delivery: DeliveryMode, parts: readonly Part[]) {
  const members = parts.map((part) => house.entity(part));
  let asked = 0;
  await persistently(async () => {
    asked += 1;
    await house.groups.createGroup({ groupId, delivery, members, openToJoin: true });
  }).catch((error: unknown) => {
    if (asked === 1 || !(error instanceof CpnsError) || error.reason !== 'ALREADY_EXISTS') throw error;
  });
}

/** Resolves when every service, gateway and device has all that it is due for the group. @throws Error with what is left */
async function settled(house: GroupHouse, groupId: string, outcome?: Outcome): Promise<void> {
  let lacking: string[] = [];
  const look = async () => {
    lacking = await house.sight.underWay(groupId);
    if (outcome !== undefined) lacking.push(...(await lackingAt(house, outcome)));
    return lacking.length === 0;
  };
  await eventually(() => `the end of what ${groupId} has under way (${lacking.join('; ')})`, look);
}

/** How the group is to be at its first revision, or after the change. */
function outcomeOf(groupId: string, { before, after, delivery, deletes = false }: Change, isAfter: boolean): Outcome {
  const members = isAfter ? after : before;
  const revision = isAfter && before.length > 0 ? 2n : 1n;
  const deleted = deletes && isAfter;
  return {
    groupId,
    delivery,
    revision,
    newest: deleted ? 1n : revision,
    deleted,
    members: deleted ? before : members,
    joined: revision === 1n ? [] : members.filter((part) => !before.includes(part)),
    left: deleted ? [] : before.filter((part) => !members.includes(part)),
    parts: [...before, ...members],
  };
}

const changes = (name: keyof typeof GROUP_DUE, change: Change): GroupFlow =>
  flow(name, async (house) => {
    const groupId = house.newId('group');
    const { before, delivery, deletes, ask } = change;
    if (before.length > 0) {
      await create(house, groupId, delivery, before);
      await settled(house, groupId, outcomeOf(groupId, change, false));
      // a member that leaves, or stays until the end, had a key
      for (const part of before) await persistently(() => house.members[part].local.groups.pull(groupId));
    }
    const outcome = outcomeOf(groupId, change, true);
    return {
      perform: async () => {
        await ask(house, groupId);
        await settled(house, groupId, outcome);
      },
      check: async () => {
        await settled(house, groupId, outcome);
        await expectAlikeEverywhere(house, outcome);
        await (deletes === true ? expectGone : expectInUse)(house, outcome);
      },
    };
  });

/**
 * GK-PULL or GK-PUSH of the device that is a process of its own: in the end it holds the newest version.
 * @param again what it does when it was started again
 */
const deviceRun = (
  house: GroupHouse,
  group: string,
  newest: bigint,
  perform: () => Promise<void>,
  again = perform,
): Run => ({
  perform,
  finish: async (victim, first) => {
    if (victim !== DEVICE) return house.finish(victim, first);
    await expect(first).rejects.toThrow('SIGKILL');
    await house.openDevice();
    await again();
  },
  check: async () => {
    const { groups } = await house.tell({ command: 'status', group });
    expect(groups).toMatchObject([{ group, version: Number(newest), ended: false, left: false }]);
    expect(groups[0]?.versions).toContain(Number(newest));
    const { entity, local } = house.members.stayer;
    await persistently(() => local.groups.pull(group));
    const plaintext = Buffer.from(`${group} to the process`);
    const data = plaintext.toString('base64');
    const sealed = await persistently(() => local.groups.seal(group, plaintext));
    const opened = await house.tell({ command: 'open', message: sealed.toString('base64') });
    expect(opened).toMatchObject({ group, version: Number(newest), sender: entity, data });
    const { message, version } = await house.tell({ command: 'seal', group, data });
    expect(version).toBe(Number(newest));
    const heard = await persistently(() => local.groups.open(Buffer.from(message, 'base64')));
    expect(heard).toMatchObject({ groupId: group, version: newest, sender: house.device.entity });
    await expectOneKey(house, group, newest);
    expect(await house.sight.underWay(group)).toEqual([]);
  },
});

/** Added to a group that pulls: neither it nor its gateway has the version that it is given. */
const pulls = flow('GK-PULL', async (house) => {
  const groupId = house.newId('group');
  await persistently(() => house.groups.createGroup({ groupId, delivery: 'pull', members: [house.entity('stayer')] }));
  await settled(house, groupId);
  await persistently(() => house.groups.addMembers(groupId, [house.device.entity]));
  await settled(house, groupId);
  return deviceRun(house, groupId, 2n, async () => void (await house.tell({ command: 'pull', group: groupId })));
});

/** A member that watches when a group that pushes is made. */
const pushes = flow('GK-PUSH', async (house) => {
  const groupId = house.newId('group');
  const watch = () => house.tell({ command: 'watch' });
  // looks again and again, since a command that is interrupted by a death is done anew without the watch
  const held = async () => {
    await eventually(`the push of ${groupId}`, async () =>
      (await house.tell({ command: 'status', group: groupId })).groups.some(({ version }) => version > 0),
    );
    await settled(house, groupId);
  };
  const perform = async () => {
    const members = [house.entity('stayer'), house.device.entity];
    await persistently(() => house.groups.createGroup({ groupId, delivery: 'push', members }));
    await held();
  };
  await watch();
  return deviceRun(house, groupId, 1n, perform, async () => {
    await watch();
    await held();
  });
});

const STAY: readonly Part[] = ['stayer', 'afar'];
const ALL: readonly Part[] = [...STAY, 'mover'];

const creates = (delivery: DeliveryMode): Change => ({
  delivery,
  before: [],
  after: STAY,
  ask: (house, groupId) => create(house, groupId, delivery, STAY),
});

const adds = (delivery: DeliveryMode): Change => ({
  delivery,
  before: STAY,
  after: ALL,
  ask: (house, groupId) => persistently(() => house.groups.addMembers(groupId, [house.entity('mover')])),
});

export const GROUP_FLOWS = {
  what: 'group flows',
  start: (options: HouseOptions) => GroupHouse.start(options),
  flowMs: 1_800_000,
  flows: [
    changes('FLOW-PULL', creates('pull')),
    changes('FLOW-PUSH', creates('push')),
    changes('GK-UPDATE-M, added in a pull group', adds('pull')),
    changes('GK-UPDATE-M, added in a push group', adds('push')),
    changes('GK-UPDATE-M, removed', {
      delivery: 'push',
      before: ALL,
      after: STAY,
      ask: (house, groupId) => persistently(() => house.groups.removeMembers(groupId, [house.entity('mover')])),
    }),
    changes('GK-UPDATE-M, joins', {
      delivery: 'pull',
      before: STAY,
      after: ALL,
      ask: ({ members }, groupId) => persistently(() => members.mover.local.groups.join(groupId)),
    }),
    changes('GK-UPDATE-M, leaves', {
      delivery: 'pull',
      before: ALL,
      after: STAY,
      ask: ({ members }, groupId) => persistently(() => members.mover.local.groups.leave(groupId)),
    }),
    changes('GK-DELETE', {
      delivery: 'push',
      before: STAY,
      after: [],
      deletes: true,
      ask: (house, groupId) => persistently(() => house.groups.deleteGroup(groupId)),
    }),
    pulls,
    pushes,
  ],
};
