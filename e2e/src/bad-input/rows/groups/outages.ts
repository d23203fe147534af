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
import type { Row } from '../../row';
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
  refused,
  requestId,
  resident,
  type Served,
} from './stage';

interface Outage<M extends MethodShape> extends Served {
  readonly id: string;
  readonly method: M;
  /** A message of its own for each call. */
  readonly request: (world: World) => Promise<RequestOf<M>>;
  /** What is written down for later, where the change could be proposed. */
  readonly journal?: RegExp;
  /** Sees that a change that was written down is made; without it the call is made again. */
  readonly made?: (world: World, request: RequestOf<M>) => Promise<unknown>;
}

const down =
  (dependency: string) =>
  <M extends MethodShape>({ id, request, made, ...called }: Outage<M>): Row =>
    callRow({
      ...called,
      id: `${id}, ${dependency}`,
      item: 'a dependency that is down',
      clause: 'architecture, Failure',
      expect: refused('DEPENDENCY_UNAVAILABLE'),
      // a later answer would be this client's DEADLINE_EXCEEDED
      badDeadlineMs: 2_500,
      messages: async (world) => {
        const [good, bad] = [await request(world), await request(world)];
        return { good, bad, ...(made ? { after: () => made(world, bad) } : { again: bad }) };
      },
    });

const CREATE = {
  ...BY_OPERATOR,
  id: 'CreateServiceGroup',
  method: ServiceGroupServiceService.createServiceGroup,
  request: creation,
};
const ADD = {
  ...BY_OPERATOR,
  id: 'AddMembers',
  method: ServiceGroupServiceService.addMembers,
  request: async (world: World) => ({
    groupId: await group(world, await members(world, 2)),
    members: [await member(world, 3)],
  }),
};
const JOIN = {
  ...BY_DEVICE,
  id: 'JoinServiceGroup',
  method: PnGatewayServiceService.joinServiceGroup,
  request: async (world: World) => ({ groupId: await group(world, [await member(world)]) }),
};
/** Of a version that the gateway does not hold: it asked for the group's first, and for no other. */
const PULL = {
  ...BY_DEVICE,
  id: 'PullGroupKey by a PNE',
  method: PnGatewayServiceService.pullGroupKey,
  request: async (world: World) => {
    const groupId = await group(world);
    const isAvailable = () => world.stores.has('pn1/gw1', groupAggregate(groupId), AVAILABLE.name);
    await waitUntil(`the first version of ${groupId} at its gateway`, isAvailable);
    await groupsOf(world).addMembers(groupId, [await member(world, 2)]);
    return { groupId, version: 2n };
  },
};

/** The change that CSKMF began, and goes on with by itself later. */
const PROPOSED = /^cpns-server group\/[\w-]+ (pending was added|head was changed)$/;

/** With nothing in the CPNS Server's memory. */
export const KMC_STOPPED_ROWS: readonly Row[] = [
  down('KMC stopped')({
    ...BY_SMF,
    id: 'CreateGroupKey',
    method: GroupKeyManagementServiceService.createGroupKey,
    request: creation,
    journal: PROPOSED,
  }),
];

/** The change that SMF proposed over a connection that is still open, and goes on with by itself later. */
const WRITTEN_DOWN =
  /^smf service-group\/[\w-]+ (group was (added|changed)|pending was added|log outbox was (added|changed))$/;

const serverHangs = down('CPNS Server hangs');
export const SERVER_HUNG_GROUP_ROWS: readonly Row[] = [
  serverHangs({
    ...CREATE,
    journal: WRITTEN_DOWN,
    made: (world, { description }) =>
      world
        .wire('SMF certificate', 'operator')
        .call(ServiceGroupServiceService.getServiceGroup, { groupId: description?.groupId ?? '' }),
  }),
  serverHangs({ ...ADD, journal: WRITTEN_DOWN }),
  // where the standing of its gateway has to be asked for, nothing is proposed
  serverHangs({ ...JOIN, journal: WRITTEN_DOWN }),
  serverHangs(PULL),
];
export const SMF_STOPPED_ROWS: readonly Row[] = [down('SMF stopped')(JOIN)];
export const STORE_STOPPED_GROUP_ROWS: readonly Row[] = [
  down('Redis stopped')({
    ...BY_OSG,
    id: 'CreateKey',
    method: KmcServiceService.createKey,
    request: () => Promise.resolve({ groupId: freshGroupId(), requestId: requestId() }),
  }),
];

/** A minute of grace, and the round that destroys what has retired; on a busy machine. */
const RETIREMENT = { withinMs: 150_000, everyMs: 500 };

/** A group with two members that were in it all the time, at version 2. */
export const agingGroup = (world: World): Promise<string> =>
  world.once('group with a version that retires', async () => {
    const groupId = await group(world);
    await groupsOf(world).addMembers(groupId, [await member(world, 2)]);
    return groupId;
  });

/** Resolves when version 1 has retired. */
export async function hasRetired(world: World): Promise<void> {
  const groupId = await agingGroup(world);
  const isRetired = async () => {
    const [version] = (await groupsOf(world).groupKeyStatus(groupId)).versions;
    return version?.state === GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED;
  };
  await waitUntil('the end of version 1', isRetired, RETIREMENT);
}

const RETIRED = { item: 'a version that has retired', expect: refused('VERSION_RETIRED') } as const;

/** Versions that retire a minute after their successors: they are made long before they are asked for. */
export const RETIRED_ROWS: readonly Row[] = [
  callRow({
    ...BY_GATEWAY,
    ...RETIRED,
    id: 'a version that has retired, for one member (PullGroupKey by a PN GW)',
    clause: 'GK-PULL step 3',
    method: GroupKeyDeliveryServiceService.pullGroupKey,
    messages: async (world) => {
      const good = { groupId: await agingGroup(world), version: 2n, entity: (await resident(world)).entity };
      return { good, bad: { ...good, version: 1n } };
    },
  }),
  callRow({
    ...BY_DEVICE,
    ...RETIRED,
    id: 'a version that has retired (PullGroupKey by a PNE)',
    clause: 'GK-PULL step 2',
    method: PnGatewayServiceService.pullGroupKey,
    messages: async (world) => {
      const good = { groupId: await agingGroup(world), version: 2n };
      return { good, bad: { ...good, version: 1n } };
    },
  }),
];
