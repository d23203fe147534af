/**
 * A dependency of the group services that is down (architecture.md, "Failure"): UNAVAILABLE before the deadline. What was
 * not proposed leaves nothing; what was is written down, and done once the dependency is back.
 */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  GroupKeyVersionState,
  KmcServiceService,
  PnGatewayServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import { waitUntil } from '@cpns/testing';
import { AVAILABLE } from '../../../../../apps/pn-gw/src/cskmf/envelopes';
import { groupAggregate } from '../../../../../apps/pn-gw/src/service-group/known-groups';
import type { Row } from '../../phase';
import type { World } from '../../world';
import {
  BY_DEVICE,
  BY_GATEWAY,
  BY_OPERATOR,
  BY_OSG,
  BY_SMF,
  callRow,
  creation,
  freshGroupId,
  group,
  groupsOf,
  member,
  members,
  requestId,
  resident,
  type Served,
} from './stage';

const { createServiceGroup, addMembers, getServiceGroup } = ServiceGroupServiceService;
const { joinServiceGroup, pullGroupKey } = PnGatewayServiceService;
const { createGroupKey } = GroupKeyManagementServiceService;

/** What is called, and a message of its own for each call. */
type Made<M extends MethodShape> = (world: World) => RequestOf<M> | Promise<RequestOf<M>>;
type Called<M extends MethodShape> = readonly [id: string, served: Served, method: M, request: Made<M>];

/**
 * @param journal what is written down for later, where the change could be proposed
 * @param made sees that a change that was written down is made; without it the call is made again
 */
const down = <M extends MethodShape>(
  dependency: string,
  [id, served, method, request]: Called<M>,
  journal?: RegExp,
  made?: (world: World, request: RequestOf<M>) => Promise<unknown>,
): Row => {
  const messages = async (world: World) => {
    const [good, bad] = [await request(world), await request(world)];
    return { good, bad, ...(made ? { after: () => made(world, bad) } : { again: bad }) };
  };
  const shown = [`${id}, ${dependency}`, 'a dependency that is down', 'DEPENDENCY_UNAVAILABLE'] as const;
  // a later answer would be this client's DEADLINE_EXCEEDED
  return callRow<M>(shown, served, method, messages, { journal, badDeadlineMs: 2_500 });
};
const called = <M extends MethodShape>(...call: Called<M>): Called<M> => call;

const CREATE = called('CreateServiceGroup', BY_OPERATOR, createServiceGroup, creation);
const ADD = called('AddMembers', BY_OPERATOR, addMembers, async (world) => {
  return { groupId: await group(world, await members(world, 2)), members: [await member(world, 3)] };
});
const JOIN = called('JoinServiceGroup', BY_DEVICE, joinServiceGroup, async (world) => {
  return { groupId: await group(world, [await member(world)]) };
});
/** Of a version that the gateway does not hold: it asked for the group's first, and for no other. */
const PULL = called('PullGroupKey by a PNE', BY_DEVICE, pullGroupKey, async (world) => {
  const groupId = await group(world);
  const isAvailable = () => world.stores.has('pn1/gw1', groupAggregate(groupId), AVAILABLE.name);
  await waitUntil(`the first version of ${groupId} at its gateway`, isAvailable);
  await groupsOf(world).addMembers(groupId, [await member(world, 2)]);
  return { groupId, version: 2n };
});
const CREATE_KEY = called('CreateKey', BY_OSG, KmcServiceService.createKey, () => ({
  groupId: freshGroupId(),
  requestId: requestId(),
}));

/** The change that CSKMF began, and goes on with by itself later. */
const PROPOSED = /^cpns-server group\/[\w-]+ (pending was added|head was changed)$/;
/** With nothing in the CPNS Server's memory. */
export const KMC_STOPPED_ROWS: readonly Row[] = [
  down('KMC stopped', ['CreateGroupKey', BY_SMF, createGroupKey, creation], PROPOSED),
];

/** The change that SMF proposed over a connection that is still open, and goes on with by itself later. */
const WRITTEN_DOWN =
  /^smf service-group\/[\w-]+ (group was (added|changed)|pending was added|log outbox was (added|changed))$/;
const HANGS = 'CPNS Server hangs';
export const SERVER_HUNG_GROUP_ROWS: readonly Row[] = [
  down(HANGS, CREATE, WRITTEN_DOWN, (world, { description }) =>
    world.wire('SMF certificate', 'operator').call(getServiceGroup, { groupId: description?.groupId ?? '' }),
  ),
  down(HANGS, ADD, WRITTEN_DOWN),
  // where the standing of its gateway has to be asked for, nothing is proposed
  down(HANGS, JOIN, WRITTEN_DOWN),
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

const AT_SERVER = 'a version that has retired, for one member (PullGroupKey by a PN GW)';
const AT_GATEWAY = 'a version that has retired (PullGroupKey by a PNE)';
const RETIRED = ['a version that has retired', 'VERSION_RETIRED'] as const;
const pullByGateway = GroupKeyDeliveryServiceService.pullGroupKey;

/** GK-PULL steps 2 and 3: versions retire a minute after their successors, so that they are made long before. */
export const RETIRED_ROWS: readonly Row[] = [
  callRow([AT_SERVER, ...RETIRED], BY_GATEWAY, pullByGateway, async (world) => {
    const good = { groupId: await retired(world), version: 2n, entity: (await resident(world)).entity };
    return { good, bad: { ...good, version: 1n } };
  }),
  callRow([AT_GATEWAY, ...RETIRED], BY_DEVICE, pullGroupKey, async (world) => {
    const good = { groupId: await retired(world), version: 2n };
    return { good, bad: { ...good, version: 1n } };
  }),
];
