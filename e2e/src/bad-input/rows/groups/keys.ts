/** Versions of Group Keys that are not made, and not given: at CSKMF, the gateway and the KMC. */
import { NO_PAGE } from '@cpns/contracts';
import type { Row } from '../../phase';
import type { World } from '../../world';
import {
  creation,
  faultRow,
  freshGroupId,
  group,
  groupsOf,
  keyAtKmc,
  keyedGroup,
  member,
  members,
  requestId,
  resident,
  RPC,
  send,
} from './stage';

const FUTURE = 'a revision from the future';
/** GK-UPDATE-M, from an update that was accepted: revision 2, where member 3 joined. */
const updates: readonly Row[] = (
  [
    ['revision 0', 'a malformed message', 'FIELD_MISSING membership_revision', 0n],
    ['a revision too far', FUTURE, 'CONFLICT', 4n],
    ['a revision that is over', 'a revision repeated with other content', 'CONFLICT', 1n],
  ] as const
).map(([id, item, expect, membershipRevision]) =>
  faultRow([id, item, expect], RPC.updateGroupKey, async (world) => {
    const groupId = await keyedGroup(world);
    const good = { groupId, membershipRevision: 2n, joined: [await member(world, 3)], left: [], emergency: false };
    return { good, bad: { ...good, membershipRevision }, again: good };
  }),
);
const IS_TAKEN = 'a group-id that is taken';
const TAKEN = ['a group that is there, with other members', IS_TAKEN, 'ALREADY_EXISTS'] as const;
/** GK-CREATE. */
const takenAtCskmf = faultRow(TAKEN, RPC.createGroupKey, async (world) => {
  const good = await creation(world);
  return { good, bad: { ...good, members: await members(world, 1) }, again: good };
});

/** Version 1 for all that are left, version 2 after the entity came or went, and one more. */
async function historyOf(world: World, entity: string, joins: boolean): Promise<string> {
  const groupId = await group(world, [await member(world), ...(joins ? [] : [entity])]);
  await (joins ? groupsOf(world).addMembers(groupId, [entity]) : groupsOf(world).removeMembers(groupId, [entity]));
  await groupsOf(world).addMembers(groupId, [await member(world, 4)]);
  return groupId;
}
/** GK-PULL steps 2 and 3. */
const pulls: readonly Row[] = (
  [
    ['a leaver, the newest', 'a pull by whom the group is not for', 'NOT_A_MEMBER', false, 0n],
    ['a leaver, a version long after', 'a version after leaving', 'VERSION_NOT_GIVEN', false, 3n],
    ['a joiner, the first version', 'a version before joining', 'VERSION_NOT_GIVEN', true, 1n],
    ['a member, a version to come', 'a version that was never made', 'NOT_FOUND', true, 4n],
  ] as const
).flatMap(([id, item, expect, isJoiner, version]) => [
  faultRow([id, item, expect], RPC.pullByGateway, async (world) => {
    const entity = await member(world, 3);
    const groupId = await historyOf(world, entity, isJoiner);
    const good = { groupId, version: 3n, entity: await member(world), ...NO_PAGE };
    return { good, bad: { ...good, version, entity } };
  }),
  faultRow([id, item, expect], RPC.pull, async (world) => {
    const { entity } = await resident(world);
    const good = { groupId: await group(world, [entity]), version: 0n };
    return { good, bad: { groupId: await historyOf(world, entity, isJoiner), version } };
  }),
]);
const OTHER_PN = ['an entity of another PN', 'a pull for another PN', 'PN_MISMATCH'] as const;
const pullForAnotherPn = faultRow(OTHER_PN, RPC.pullByGateway, async (world) => {
  const good = { groupId: await group(world), version: 0n, entity: await member(world), ...NO_PAGE };
  return { good, bad: { ...good, entity: world.entity('pn9') } };
});

/** SECCF-KMC. */
const versions: readonly Row[] = (
  [
    ['version 0', 'a malformed message', 'FIELD_MISSING version', 0n],
    ['a version that was never made', 'a version that was never made', 'NOT_FOUND', 2n],
    ['a version that was destroyed', 'a version that has retired', 'NOT_FOUND', 1n],
  ] as const
).map(([id, item, expect, version]) =>
  faultRow([id, item, expect], RPC.getKeyVersion, async (world) => {
    const [there, groupId] = [await keyAtKmc(world), await keyAtKmc(world)];
    if (version === 1n) await send(world, RPC.destroyKeyVersion, { groupId, version });
    return { good: { groupId: there, version: 1n }, bad: { groupId, version } };
  }),
);
const OTHER_USE = 'a request id used for something else';
const created: readonly Row[] = (
  [
    ['a second first version', IS_TAKEN, 'ALREADY_EXISTS', () => ({ requestId: requestId() })],
    ['the request id of another group', OTHER_USE, 'CONFLICT', () => ({ groupId: freshGroupId() })],
  ] as const
).map(([id, item, expect, change]) =>
  faultRow([id, item, expect], RPC.createKey, () => {
    const good = { groupId: freshGroupId(), requestId: requestId() };
    return { good, bad: { ...good, ...change() }, again: good };
  }),
);
const TOO_FAR = ['version 4 as the one before, where 3 is the newest', FUTURE, 'CONFLICT'] as const;
const tooFar = faultRow(TOO_FAR, RPC.createKeyVersion, async (world) => {
  const groupId = await keyAtKmc(world);
  const next = (previous: bigint) => ({ groupId, previous, requestId: requestId() });
  await send(world, RPC.createKeyVersion, next(1n));
  return { good: next(2n), bad: next(4n), again: next(3n) };
});

export const KEY_ROWS: readonly Row[] = [
  ...updates,
  takenAtCskmf,
  ...pulls,
  pullForAnotherPn,
  ...versions,
  ...created,
  tooFar,
];
