/** What must be true of a group when its change was finished, whatever died on the way. */
import { CpnsError } from '@cpns/core';
import type { DeliveryMode } from '@cpns/testing';
import { persistently } from '../house';
import type { GroupHouse, Part } from './group-house';

/** How a group is to be. */
export interface Outcome {
  readonly groupId: string;
  readonly delivery: DeliveryMode;
  /** Of the membership. */
  readonly revision: bigint;
  /** Version of the Group Key. */
  readonly newest: bigint;
  readonly deleted: boolean;
  /** Of a group that was deleted, those at its end. */
  readonly members: readonly Part[];
  readonly joined: readonly Part[];
  readonly left: readonly Part[];
  /** Names of the gateways that have to have heard of all of it. */
  readonly concerned: readonly string[];
}

const upTo = (newest: bigint): bigint[] => Array.from({ length: Number(newest) }, (_, index) => BigInt(index + 1));

/** SMF, CSKMF, KMC and the gateways agree on members, revision and versions; no version is missing, doubled or torn. */
export async function expectAlikeEverywhere(groups: GroupHouse, outcome: Outcome): Promise<void> {
  const { groupId, revision, newest, deleted, concerned } = outcome;
  const { operator } = groups.house.deployment;
  const entities = outcome.members.map((part) => groups.entity(part)).sort();
  const group = await persistently(() => operator.groups.getGroup(groupId));
  expect(group).toMatchObject({ membershipRevision: revision, deleted });
  expect([...group.members].sort()).toEqual(deleted ? [] : entities);
  const status = await persistently(() => operator.groups.groupKeyStatus(groupId));
  // the end of a group is a revision of its own, that no version serves
  expect(status).toMatchObject({ membershipRevision: newest, deleted });
  expect(status.versions.map(({ version }) => version)).toEqual(upTo(newest));
  const kept = await groups.sight.kmcVersions(groupId, newest);
  expect(kept.map(({ version }) => version)).toEqual(upTo(newest));
  expect(kept.at(-1)?.state).toBe(deleted ? 'destroyed' : 'live');
  for (const gateway of concerned) {
    const view = await groups.sight.gateway(gateway, groupId);
    // the end names the version that was the last one
    const noticed = deleted ? [...upTo(newest), newest] : upTo(revision);
    expect(view).toMatchObject({ revision, deleted, noticed });
    const here = outcome.members.map((part) => groups.members[part]).filter((member) => member.gateway === gateway);
    expect([...(view?.members ?? [])].sort()).toEqual(here.map(({ entity }) => entity).sort());
  }
}

/** Members seal and open with the newest version, nobody else does, and each version is one and the same key. */
export async function expectInUse(groups: GroupHouse, outcome: Outcome): Promise<void> {
  const { groupId, newest, members, joined, left } = outcome;
  for (const part of members) {
    const status = await persistently(() => groups.members[part].local.groups.pull(groupId));
    expect(status).toMatchObject({ version: newest, ended: false, left: false });
  }
  for (const sender of members) await expectHeard(groups, outcome, sender);
  for (const part of left) await expectShutOut(groups, outcome, part);
  for (const part of joined)
    expect(await refusalOf(() => groups.members[part].local.ask(groupId, newest - 1n))).toBe('VERSION_NOT_GIVEN');
  for (const version of upTo(newest)) expect((await groups.commitments(groupId, version)).size).toBe(1);
}

async function expectHeard(groups: GroupHouse, { groupId, newest, members }: Outcome, sender: Part): Promise<void> {
  const plaintext = Buffer.from(`${groupId} from ${sender}`);
  const message = await persistently(() => groups.members[sender].local.groups.seal(groupId, plaintext));
  for (const part of members.filter((one) => one !== sender)) {
    const opened = await persistently(() => groups.members[part].local.groups.open(message));
    expect(opened).toMatchObject({ groupId, version: newest, sender: groups.entity(sender) });
    expect(opened.plaintext.equals(plaintext)).toBe(true);
  }
}

async function expectShutOut(groups: GroupHouse, { groupId, newest, members }: Outcome, part: Part): Promise<void> {
  const leaver = groups.members[part];
  for (const version of [0n, newest])
    expect(['NOT_A_MEMBER', 'VERSION_NOT_GIVEN']).toContain(await refusalOf(() => leaver.local.ask(groupId, version)));
  const [sender] = members;
  if (sender === undefined) throw new Error('nobody is left to seal');
  const message = await groups.members[sender].local.groups.seal(groupId, Buffer.from('after it left'));
  expect(['NOT_A_MEMBER', 'VERSION_NOT_GIVEN']).toContain(await refusalOf(() => leaver.local.groups.open(message)));
}

/** Nobody is given anything of the group any more, and whoever had its key knows that it has ended. */
export async function expectGone(groups: GroupHouse, { groupId, newest, members }: Outcome): Promise<void> {
  for (const part of members) {
    const member = groups.members[part];
    expect(await refusalOf(() => member.local.ask(groupId, newest))).toBe('GROUP_DELETED');
    expect(await member.local.groups.status(groupId)).toMatchObject({ ended: true });
    expect(await refusalOf(() => member.local.groups.seal(groupId, Buffer.from('too late')))).toBe('GROUP_DELETED');
  }
  for (const version of upTo(newest)) expect((await groups.commitments(groupId, version)).size).toBe(1);
}

/** What it is refused with, once somebody is there to refuse it. */
async function refusalOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await persistently(act);
  } catch (error) {
    if (error instanceof CpnsError) return error.reason;
    throw error;
  }
  return 'nothing';
}
