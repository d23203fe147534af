/** What must be true of a group when its change was finished, whatever died on the way. */
import { CpnsError } from '@cpns/core';
import type { DeliveryMode } from '@cpns/testing';
import { persistently } from '../house';
import { GATEWAYS, type GroupHouse, type Part } from './group-house';

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
  /** Those before the change and after it: their gateways have to have heard of all of it. */
  readonly parts: readonly Part[];
}

const concerned = (house: GroupHouse, { parts }: Outcome) =>
  GATEWAYS.filter((name) => parts.some((part) => house.members[part].gateway === name));

/** What gateways and watching devices have not got yet, in words. */
export async function lackingAt(house: GroupHouse, outcome: Outcome): Promise<string[]> {
  const { groupId, revision, newest, delivery, deleted, members } = outcome;
  const lacking: string[] = [];
  for (const gateway of concerned(house, outcome)) {
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
export async function expectOneKey(house: GroupHouse, groupId: string, newest: bigint): Promise<void> {
  for (const version of upTo(newest)) expect((await house.commitments(groupId, version)).size).toBe(1);
}

/** SMF, CSKMF, KMC and the gateways agree on members, revision and versions; no version is missing, doubled or torn. */
export async function expectAlikeEverywhere(house: GroupHouse, outcome: Outcome): Promise<void> {
  const { groupId, revision, newest, deleted } = outcome;
  const entities = outcome.members.map((part) => house.entity(part)).sort();
  const group = await persistently(() => house.groups.getGroup(groupId));
  expect(group).toMatchObject({ membershipRevision: revision, deleted });
  expect([...group.members].sort()).toEqual(deleted ? [] : entities);
  const status = await persistently(() => house.groups.groupKeyStatus(groupId));
  // the end of a group is a revision of its own, that no version serves
  expect(status).toMatchObject({ membershipRevision: newest, deleted });
  expect(status.versions.map(({ version }) => version)).toEqual(upTo(newest));
  const kept = await house.sight.kmcVersions(groupId, newest);
  expect(kept.map(({ version }) => version)).toEqual(upTo(newest));
  expect(kept.at(-1)?.state).toBe(deleted ? 'destroyed' : 'live');
  for (const gateway of concerned(house, outcome)) {
    const view = await house.sight.gateway(gateway, groupId);
    // the end names the version that was the last one
    const noticed = deleted ? [...upTo(newest), newest] : upTo(revision);
    expect(view).toMatchObject({ revision, deleted, noticed });
    const here = outcome.members.map((part) => house.members[part]).filter((member) => member.gateway === gateway);
    expect([...(view?.members ?? [])].sort()).toEqual(here.map(({ entity }) => entity).sort());
  }
}

/** Members seal and open with the newest version, nobody else does, and each version is one and the same key. */
export async function expectInUse(house: GroupHouse, outcome: Outcome): Promise<void> {
  const { groupId, newest, members, joined, left } = outcome;
  for (const part of members) {
    const status = await persistently(() => house.members[part].local.groups.pull(groupId));
    expect(status).toMatchObject({ version: newest, ended: false, left: false });
  }
  for (const sender of members) await expectHeard(house, outcome, sender);
  for (const part of left) await expectShutOut(house, outcome, part);
  for (const part of joined)
    expect(await refusalOf(() => house.members[part].local.ask(groupId, newest - 1n))).toBe('VERSION_NOT_GIVEN');
  await expectOneKey(house, groupId, newest);
}

async function expectHeard(house: GroupHouse, { groupId, newest, members }: Outcome, sender: Part): Promise<void> {
  const plaintext = Buffer.from(`${groupId} from ${sender}`);
  const message = await persistently(() => house.members[sender].local.groups.seal(groupId, plaintext));
  for (const part of members.filter((one) => one !== sender)) {
    const opened = await persistently(() => house.members[part].local.groups.open(message));
    expect(opened).toMatchObject({ groupId, version: newest, sender: house.entity(sender) });
    expect(opened.plaintext.equals(plaintext)).toBe(true);
  }
}

async function expectShutOut(house: GroupHouse, { groupId, newest, members }: Outcome, part: Part): Promise<void> {
  const leaver = house.members[part];
  for (const version of [0n, newest])
    expect(['NOT_A_MEMBER', 'VERSION_NOT_GIVEN']).toContain(await refusalOf(() => leaver.local.ask(groupId, version)));
  const [sender] = members;
  if (sender === undefined) throw new Error('nobody is left to seal');
  const message = await house.members[sender].local.groups.seal(groupId, Buffer.from('after it left'));
  expect(['NOT_A_MEMBER', 'VERSION_NOT_GIVEN']).toContain(await refusalOf(() => leaver.local.groups.open(message)));
}

/** Nobody is given anything of the group any more, and whoever had its key knows that it has ended. */
export async function expectGone(house: GroupHouse, { groupId, newest, members }: Outcome): Promise<void> {
  for (const part of members) {
    const member = house.members[part];
    expect(await refusalOf(() => member.local.ask(groupId, newest))).toBe('GROUP_DELETED');
    expect(await member.local.groups.status(groupId)).toMatchObject({ ended: true });
    expect(await refusalOf(() => member.local.groups.seal(groupId, Buffer.from('too late')))).toBe('GROUP_DELETED');
  }
  await expectOneKey(house, groupId, newest);
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
