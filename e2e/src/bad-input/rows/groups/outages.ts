/**
 * A dependency of the group services that is down (architecture.md, "Failure"): UNAVAILABLE before the deadline. What was
 * not proposed leaves nothing; what was is written down, and done once the dependency is back.
 */
import { GroupKeyVersionState, NO_PAGE } from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import { waitUntil } from '@cpns/testing';
import { AVAILABLE } from '../../../../../apps/pn-gw/src/cskmf/envelopes';
import { groupAggregate } from '../../../../../apps/pn-gw/src/service-group/known-groups';
import { GROUP, groupAggregate as createdGroup } from '../../../../../apps/smf/src/group-changes/groups';
import type { Row } from '../../phase';
import type { World } from '../../world';
import {
  callRow,
  creation,
  faultRow,
  freshGroupId,
  group,
  groupsOf,
  member,
  members,
  requestId,
  resident,
  RPC,
  send,
  type Rpc,
} from './stage';

/** What is called, and a message of its own for each call. */
type Called<M extends MethodShape> = readonly [
  rpc: Rpc<M>,
  request: (world: World) => RequestOf<M> | Promise<RequestOf<M>>,
];

/**
 * @param journal what is written down for later, where the change could be proposed
 * @param made sees that a change that was written down is made; without it the call is made again
 */
const down = <M extends MethodShape>(
  dependency: string,
  [rpc, request]: Called<M>,
  journal?: RegExp,
  made?: (world: World, request: RequestOf<M>) => Promise<unknown>,
): Row => {
  const messages = async (world: World) => {
    const [good, bad] = [await request(world), await request(world)];
    return { good, bad, ...(made ? { after: () => made(world, bad) } : { again: bad }) };
  };
  const shown = [`${rpc.name}, ${dependency}`, 'a dependency that is down', 'DEPENDENCY_UNAVAILABLE'] as const;
  // a later answer would be this client's DEADLINE_EXCEEDED
  return callRow<M>(shown, rpc, messages, { journal, badDeadlineMs: 2_500 });
};
const called = <M extends MethodShape>(...call: Called<M>): Called<M> => call;

const CREATE = called(RPC.createServiceGroup, creation);
const ADD = called(RPC.addMembers, async (world) => {
  return { groupId: await group(world, await members(world, 2)), members: [await member(world, 3)] };
});
const JOIN = called(RPC.join, async (world) => {
  return { groupId: await group(world, [await member(world)]) };
});
/** Of a version that the gateway does not hold: it asked for the group's first, and for no other. */
const PULL = called(RPC.pull, async (world) => {
  const groupId = await group(world);
  const isAvailable = () => world.stores.has('pn1/gw1', groupAggregate(groupId), AVAILABLE.name);
  await waitUntil(`the first version of ${groupId} at its gateway`, isAvailable);
  await groupsOf(world).addMembers(groupId, [await member(world, 2)]);
  return { groupId, version: 2n };
});
const CREATE_KEY = called(RPC.createKey, () => ({
  groupId: freshGroupId(),
  requestId: requestId(),
}));

/** The change that CSKMF began, and goes on with by itself later. */
const PROPOSED = /^cpns-server group\/[\w-]+ (pending was added|head was changed)$/;
/** With nothing in the CPNS Server's memory. */
export const KMC_STOPPED_ROWS: readonly Row[] = [down('KMC stopped', [RPC.createGroupKey, creation], PROPOSED)];

/** The change that SMF proposed over a connection that is still open, and goes on with by itself later. */
const WRITTEN_DOWN =
  /^smf (service-group\/[\w-]+ (group was (added|changed)|pending was added|log outbox was (added|changed))|pn\/[\w-]+ set member-of\.\w+ was (added|changed))$/;
const HANGS = 'CPNS Server hangs';
export const SERVER_HUNG_GROUP_ROWS: readonly Row[] = [
  down(HANGS, CREATE, WRITTEN_DOWN, async (world, request) => {
    const groupId = request.description?.groupId ?? '';
    // on a busy machine SMF may have noticed before that its connection is dead: then it wrote nothing down
    const isWrittenDown = await world.stores.has('smf', createdGroup(groupId), GROUP.name);
    return isWrittenDown ? send(world, RPC.getServiceGroup, { groupId }) : send(world, RPC.createServiceGroup, request);
  }),
  down(HANGS, ADD, WRITTEN_DOWN),
  // where the entity's own proof cannot be verified, nothing is proposed
  down(HANGS, JOIN),
  down(HANGS, PULL),
];
export const SMF_STOPPED_ROWS: readonly Row[] = [down('SMF stopped', JOIN)];
export const STORE_STOPPED_GROUP_ROWS: readonly Row[] = [down('Redis stopped', CREATE_KEY)];

/** A minute of grace, and the round that destroys what has retired; on a busy machine. */
const RETIREMENT = { withinMs: 150_000, everyMs: 500 };

/** A group with two members that were in it all the time, at version 2. */
export const agingGroup = (world: World): Promise<string> =>
  world.once('group with a version that retires', async () => {
    const groupId = await group(world);
    await groupsOf(world).addMembers(groupId, [await member(world, 2)]);
    return groupId;
  });

/** The same, once version 1 has retired. */
const retired = (world: World): Promise<string> =>
  world.once('group with a version that has retired', async () => {
    const groupId = await agingGroup(world);
    const isRetired = async () => {
      const [version] = (await groupsOf(world).groupKeyStatus(groupId)).versions;
      return version?.state === GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED;
    };
    await waitUntil('the end of version 1', isRetired, RETIREMENT);
    return groupId;
  });

const RETIRED = ['a version that has retired', 'VERSION_RETIRED'] as const;

/** GK-PULL steps 2 and 3: versions retire a minute after their successors, so that they are made long before. */
export const RETIRED_ROWS: readonly Row[] = [
  faultRow(['a version that has retired, for one member', ...RETIRED], RPC.pullByGateway, async (world) => {
    const good = { groupId: await retired(world), version: 2n, entity: (await resident(world)).entity, ...NO_PAGE };
    return { good, bad: { ...good, version: 1n } };
  }),
  faultRow(['a version that has retired', ...RETIRED], RPC.pull, async (world) => {
    const good = { groupId: await retired(world), version: 2n };
    return { good, bad: { ...good, version: 1n } };
  }),
];
