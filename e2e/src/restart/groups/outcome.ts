/**
 * What must be true of a group when its change was finished, whatever died on the way.
 */
import type { DeliveryMode } from '@cpns/group-key';
import { refusalOf } from '@cpns/testing/bad-input';
import { GATEWAYS } from '../due';
import { GATEWAY_OF, type House, type Part, persistently } from '../house';

const behind = (gateway: string, some: readonly Part[]) => some.filter((part) => GATEWAY_OF[part] === gateway);
const without = (some: readonly Part[], others: readonly Part[]) => some.filter((part) => !others.includes(part));

/**
 * How a group is to be.
 * @param before the members before the change; none where it made the group
 * @param after none where the group was deleted; as before where only its key was renewed
 */
export function outcomeOf(groupId: string, delivery: DeliveryMode, before: readonly Part[], after: readonly Part[]) {
  const isNew = before.length === 0;
  const deleted = after.length === 0;
  const isRenewed = !isNew && before === after;
  const members = deleted ? before : after;
  const revision = isNew || isRenewed ? 1n : 2n;
  return {
    groupId,
    delivery,
    deleted,
    /** Of a group that was deleted, those at its end. */
    members,
    /** Of the membership. */
    revision,
    /** Version of the Group Key: the end of a group is a revision of its own, that no version serves. */
    newest: isRenewed ? 2n : deleted ? 1n : revision,
    /** Revision that the newest version serves. */
    served: deleted ? 1n : revision,
    joined: isNew ? [] : without(after, before),
    left: without(before, members),
    /** Those that have to have heard of all of it. */
    gateways: GATEWAYS.filter((name) => behind(name, [...before, ...after]).length > 0),
  };
}
export type Outcome = ReturnType<typeof outcomeOf>;

/** What gateways and watching devices have not got yet, in words. */
export async function lackingAt(house: House, outcome: Outcome): Promise<string[]> {
  const { groupId, revision, newest, delivery, deleted, members, gateways } = outcome;
  const lacking: string[] = [];
  for (const gateway of gateways) {
    const view = await house.sight.gateway(gateway, groupId);
    const noticed = deleted ? newest : (view?.noticed.at(-1) ?? 0n);
    if ((view?.revision ?? 0n) < revision || noticed < newest) lacking.push(`${gateway}: the notice`);
    const stated = view?.statements.at(-1)?.statement.version ?? 0n;
    if (deleted && stated <= newest) lacking.push(`${gateway}: the end`);
  }
  if (delivery === 'pull' && !deleted) return lacking;
  for (const part of members) {
    const { version, ended } = await house.members[part].local.groups.status(groupId);
    if (deleted ? ended || version === 0n : version >= newest) continue;
    const { statements = [] } = (await house.sight.gateway(GATEWAY_OF[part], groupId)) ?? {};
    const came = house.members[part].local.deliveries.filter(({ statement }) => statement?.groupId === groupId);
    const stated = statements.map(({ statement }) => statement.version);
    lacking.push(
      `${part}: the push (gateway: ${stated.join()}; came: ${came.map((one) => one.statement?.version).join()})`,
    );
  }
  return lacking;
}

const upTo = (newest: bigint): bigint[] => Array.from({ length: Number(newest) }, (_, index) => BigInt(index + 1));

/** Each version is one and the same key wherever it is. */
export async function expectOneKey(house: House, groupId: string, newest: bigint): Promise<void> {
  for (const version of upTo(newest)) expect((await house.commitments(groupId, version)).size).toBe(1);
}

/** SMF, CSKMF, KMC and the gateways agree on members, revision and versions; no version is missing, doubled or torn. */
export async function expectAlikeEverywhere(house: House, outcome: Outcome): Promise<void> {
  const { groupId, revision, newest, served, deleted, members, gateways } = outcome;
  const sorted = (some: readonly Part[]) => some.map((part) => house.members[part].entity).sort();
  const group = await persistently(() => house.groups.getGroup(groupId));
  expect(group).toMatchObject({ membershipRevision: revision, deleted });
  expect([...group.members].sort()).toEqual(deleted ? [] : sorted(members));
  const status = await persistently(() => house.groups.groupKeyStatus(groupId));
  expect(status).toMatchObject({ membershipRevision: served, deleted });
  expect(status.versions.map(({ version }) => version)).toEqual(upTo(newest));
  const kept = await house.sight.kmcVersions(groupId, newest);
  expect(kept.map(({ version }) => version)).toEqual(upTo(newest));
  expect(kept.at(-1)?.state).toBe(deleted ? 'destroyed' : 'live');
  for (const gateway of gateways) {
    const view = await house.sight.gateway(gateway, groupId);
    // the end names the version that was the last one
    const noticed = deleted ? [...upTo(newest), newest] : upTo(newest);
    expect(view).toMatchObject({ revision, deleted, noticed });
    expect([...(view?.members ?? [])].sort()).toEqual(sorted(behind(gateway, members)));
  }
}

/** Why a device is refused something, once its gateway is there to refuse it. */
const reasonOf = async (act: () => Promise<unknown>) => (await refusalOf(() => persistently(act))).reason;

/** Only members seal and open with the newest version, and each version is one and the same key. */
export async function expectInUse(house: House, { groupId, newest, members, joined, left }: Outcome): Promise<void> {
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

const SHUT_OUT = ['NOT_A_MEMBER', 'VERSION_NOT_GIVEN', 'KEY_REVOKED'];

/** A group that was deleted gives nothing any more, and each device that had its key knows that it has ended. */
export async function expectGone(house: House, { groupId, newest, members }: Outcome): Promise<void> {
  for (const part of members) {
    const { local } = house.members[part];
    expect(await reasonOf(() => local.ask(groupId, newest))).toBe('GROUP_DELETED');
    expect(await local.groups.status(groupId)).toMatchObject({ ended: true });
    expect(await reasonOf(() => local.groups.seal(groupId, Buffer.from('too late')))).toBe('GROUP_DELETED');
  }
  await expectOneKey(house, groupId, newest);
}
