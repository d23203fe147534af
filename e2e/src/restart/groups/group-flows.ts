/**
 * What must be true of a group when its change was finished, whatever died on the way.
 */
import { CpnsError } from '@cpns/core';
import type { DeliveryMode } from '@cpns/group-key';
import { sameCommit } from '@cpns/testing';
import { refusalOf } from '@cpns/testing/bad-input';
import type { Flow, Run } from '../campaign';
import { DEVICE, dueOf, type FlowName, GATEWAYS, KMC, SMF } from '../due';
import { eventually, GATEWAY_OF, type House, type Part, persistently } from '../house';
import type { KillSuite } from '../suite';

const behind = (gateway: string, some: readonly Part[]) => some.filter((part) => GATEWAY_OF[part] === gateway);
const without = (some: readonly Part[], others: readonly Part[]) => some.filter((part) => !others.includes(part));

/**
 * How a group is to be.
 * @param before the members before the change; none where it made the group
 * @param after none where the group was deleted
 */
export function outcomeOf(groupId: string, delivery: DeliveryMode, before: readonly Part[], after: readonly Part[]) {
  const isNew = before.length === 0;
  const deleted = after.length === 0;
  const members = deleted ? before : after;
  const revision = isNew ? 1n : 2n;
  return {
    groupId,
    delivery,
    deleted,
    /** Of a group that was deleted, those at its end. */
    members,
    /** Of the membership. */
    revision,
    /** Version of the Group Key: the end of a group is a revision of its own, that no version serves. */
    newest: deleted ? 1n : revision,
    joined: isNew ? [] : without(after, before),
    left: without(before, members),
    /** Those that have to have heard of all of it. */
    gateways: GATEWAYS.filter((name) => behind(name, [...before, ...after]).length > 0),
  };
}
type Outcome = ReturnType<typeof outcomeOf>;

/** What gateways and watching devices have not got yet, in words. */
async function lackingAt(house: House, outcome: Outcome): Promise<string[]> {
  const { groupId, revision, newest, delivery, deleted, members, gateways } = outcome;
  const lacking: string[] = [];
  for (const gateway of gateways) {
    const view = await house.sight.gateway(gateway, groupId);
    if ((view?.revision ?? 0n) < revision) lacking.push(`${gateway}: the notice`);
    const stated = view?.statements.at(-1)?.statement.version ?? 0n;
    if (deleted && stated <= newest) lacking.push(`${gateway}: the end`);
  }
  if (delivery === 'pull' && !deleted) return lacking;
  for (const part of members) {
    const { version, ended } = await house.members[part].local.groups.status(groupId);
    if (deleted ? !ended && version > 0n : version < newest) lacking.push(`${part}: the push`);
  }
  return lacking;
}

const upTo = (newest: bigint): bigint[] => Array.from({ length: Number(newest) }, (_, index) => BigInt(index + 1));

/** Each version is one and the same key wherever it is. */
async function expectOneKey(house: House, groupId: string, newest: bigint): Promise<void> {
  for (const version of upTo(newest)) expect((await house.commitments(groupId, version)).size).toBe(1);
}

/** SMF, CSKMF, KMC and the gateways agree on members, revision and versions; no version is missing, doubled or torn. */
async function expectAlikeEverywhere(house: House, outcome: Outcome): Promise<void> {
  const { groupId, revision, newest, deleted, members, gateways } = outcome;
  const sorted = (some: readonly Part[]) => some.map((part) => house.members[part].entity).sort();
  const group = await persistently(() => house.groups.getGroup(groupId));
  expect(group).toMatchObject({ membershipRevision: revision, deleted });
  expect([...group.members].sort()).toEqual(deleted ? [] : sorted(members));
  const status = await persistently(() => house.groups.groupKeyStatus(groupId));
  expect(status).toMatchObject({ membershipRevision: newest, deleted });
  expect(status.versions.map(({ version }) => version)).toEqual(upTo(newest));
  const kept = await house.sight.kmcVersions(groupId, newest);
  expect(kept.map(({ version }) => version)).toEqual(upTo(newest));
  expect(kept.at(-1)?.state).toBe(deleted ? 'destroyed' : 'live');
  for (const gateway of gateways) {
    const view = await house.sight.gateway(gateway, groupId);
    // the end names the version that was the last one
    const noticed = deleted ? [...upTo(newest), newest] : upTo(revision);
    expect(view).toMatchObject({ revision, deleted, noticed });
    expect([...(view?.members ?? [])].sort()).toEqual(sorted(behind(gateway, members)));
  }
}

/** Why a device is refused something, once its gateway is there to refuse it. */
const reasonOf = async (act: () => Promise<unknown>) => (await refusalOf(() => persistently(act))).reason;

/** Only members seal and open with the newest version, and each version is one and the same key. */
async function expectInUse(house: House, { groupId, newest, members, joined, left }: Outcome): Promise<void> {
  for (const part of members) {
    const status = await persistently(() => house.members[part].local.groups.pull(groupId));
    expect(status).toMatchObject({ version: newest, ended: false, left: false });
  }
  for (const sender of members) {
    const plaintext = Buffer.from(`${groupId} from ${sender}`);
    const message = await persistently(() => house.members[sender].local.groups.seal(groupId, plaintext));
    for (const part of without(members, [sender])) {
      const opened = await persistently(() => house.members[part].local.groups.open(message));
      expect(opened).toEqual({ groupId, version: newest, sender: house.members[sender].entity, plaintext });
    }
    for (const part of left)
      expect(SHUT_OUT).toContain(await reasonOf(() => house.members[part].local.groups.open(message)));
  }
  for (const part of left)
    for (const version of [0n, newest])
      expect(SHUT_OUT).toContain(await reasonOf(() => house.members[part].local.ask(groupId, version)));
  for (const part of joined)
    expect(await reasonOf(() => house.members[part].local.ask(groupId, newest - 1n))).toBe('VERSION_NOT_GIVEN');
  await expectOneKey(house, groupId, newest);
}

const SHUT_OUT = ['NOT_A_MEMBER', 'VERSION_NOT_GIVEN'];

/** A group that was deleted gives nothing any more, and each device that had its key knows that it has ended. */
async function expectGone(house: House, { groupId, newest, members }: Outcome): Promise<void> {
  for (const part of members) {
    const { local } = house.members[part];
    expect(await reasonOf(() => local.ask(groupId, newest))).toBe('GROUP_DELETED');
    expect(await local.groups.status(groupId)).toMatchObject({ ended: true });
    expect(await reasonOf(() => local.groups.seal(groupId, Buffer.from('too late')))).toBe('GROUP_DELETED');
  }
  await expectOneKey(house, groupId, newest);
}

const flow = (name: FlowName, prepare: Flow['prepare']): Flow => ({
  name,
  prepare,
  isOfAnother: (site) => !dueOf(name).some((row) => sameCommit(row, site) && site.occurrence <= row.times),
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

/** Resolves when every service, gateway and device has all that it is due for the group. @throws Error with what is left */
async function settled(house: House, groupId: string, outcome?: ReturnType<typeof outcomeOf>): Promise<void> {
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
    change('GK-DELETE', 'push', STAY, [], ({ groups }, groupId) => groups.deleteGroup(groupId)),
    pulls,
    pushes,
  ],
};
