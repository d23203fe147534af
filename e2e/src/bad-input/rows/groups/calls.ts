/** Every RPC of Service Groups and their keys by whom it is for, and by everybody else (AUTHZ-1). */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  KmcServiceService,
  MembershipServiceService,
  OpenDeliveryChannelRequest,
  OpenNoticeChannelRequest,
  PnGatewayServiceService,
  ServiceGroupNoticeServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import { randomBytes } from 'node:crypto';
import type { Wire } from '../../../support/wire';
import { row, type Row } from '../../row';
import type { Caller, World } from '../../world';
import { callerRow, roles } from '../callers';
import type { Call } from '../calls';
import { inTurn, opened } from './channel-stage';
import { keyAtKmc, keyedGroup } from './rpcs';
import { description, freshGroupId, group, member, members, resident } from './stage';

type Send = (wire: Wire) => Promise<unknown>;

const DEADLINE = { deadlineMs: 20_000 };

const call = (name: string, at: Call['at'], rightful: Caller, message: (world: World) => Promise<Send>): Call => ({
  name,
  at,
  rightful,
  message,
});

const AT_SMF = 'SMF certificate';
const { createServiceGroup, getServiceGroup, listServiceGroups, deleteServiceGroup, addMembers, removeMembers } =
  ServiceGroupServiceService;

const ofOperator = (name: string, message: (world: World) => Promise<Send>) => call(name, AT_SMF, 'operator', message);
const twoMembers = async (world: World) => group(world, await members(world, 2));

const LOOKS: readonly Call[] = [
  ofOperator('GetServiceGroup', async (world) => {
    const groupId = await world.once('group to look at', () => twoMembers(world));
    return (wire) => wire.call(getServiceGroup, { groupId });
  }),
  ofOperator('ListServiceGroups', () =>
    Promise.resolve((wire) => wire.call(listServiceGroups, { pageSize: 1, pageToken: '' })),
  ),
];
const CHANGES: readonly Call[] = [
  ofOperator('CreateServiceGroup', async (world) => {
    const request = { description: description(), members: await members(world, 2) };
    return (wire) => wire.call(createServiceGroup, request, DEADLINE);
  }),
  ofOperator('DeleteServiceGroup', async (world) => {
    const groupId = await twoMembers(world);
    return (wire) => wire.call(deleteServiceGroup, { groupId }, DEADLINE);
  }),
  ofOperator('AddMembers', async (world) => {
    const request = { groupId: await twoMembers(world), members: [await member(world, 3)] };
    return (wire) => wire.call(addMembers, request, DEADLINE);
  }),
  ofOperator('RemoveMembers', async (world) => {
    const request = { groupId: await twoMembers(world), members: [await member(world)] };
    return (wire) => wire.call(removeMembers, request, DEADLINE);
  }),
];

const { joinServiceGroup, leaveServiceGroup } = MembershipServiceService;
const MEMBERSHIP: readonly Call[] = [
  call('MembershipService.JoinServiceGroup', AT_SMF, 'PN GW', async (world) => {
    const groupId = await group(world, [await member(world)], { openToJoin: true });
    const request = { groupId, entity: await member(world, 2) };
    return (wire) => wire.call(joinServiceGroup, request, DEADLINE);
  }),
  call('MembershipService.LeaveServiceGroup', AT_SMF, 'PN GW', async (world) => {
    const request = { groupId: await twoMembers(world), entity: await member(world) };
    return (wire) => wire.call(leaveServiceGroup, request, DEADLINE);
  }),
];

const AT_SERVER = 'Server certificate';
const { createGroupKey, updateGroupKey, deleteGroupKey, getGroupKeyStatus } = GroupKeyManagementServiceService;
const STATUS: Call = call('GetGroupKeyStatus', AT_SERVER, 'service smf', async (world) => {
  const groupId = await world.once('keyed group to look at', () => keyedGroup(world));
  return (wire) => wire.call(getGroupKeyStatus, { groupId });
});
const MANAGEMENT: readonly Call[] = [
  call('CreateGroupKey', AT_SERVER, 'service smf', async (world) => {
    const request = { description: description(), members: await members(world, 2), membershipRevision: 1n };
    return (wire) => wire.call(createGroupKey, request, DEADLINE);
  }),
  call('UpdateGroupKey', AT_SERVER, 'service smf', async (world) => {
    const groupId = await keyedGroup(world);
    const request = { groupId, membershipRevision: 2n, joined: [await member(world, 3)], left: [] };
    return (wire) => wire.call(updateGroupKey, request, DEADLINE);
  }),
  call('DeleteGroupKey', AT_SERVER, 'service smf', async (world) => {
    const groupId = await keyedGroup(world);
    return (wire) => wire.call(deleteGroupKey, { groupId }, DEADLINE);
  }),
];
const PULL: Call = call('GroupKeyDeliveryService.PullGroupKey', AT_SERVER, 'PN GW', async (world) => {
  const groupId = await world.once('group to pull', () => twoMembers(world));
  const request = { groupId, version: 0n, entity: await member(world) };
  return (wire) => wire.call(GroupKeyDeliveryServiceService.pullGroupKey, request);
});

const AT_KMC = 'KMC certificate';
const { createKey, createKeyVersion, getKeyVersion, destroyKeyVersion, destroyKey } = KmcServiceService;
const ofOsg = (name: string, message: (world: World) => Promise<Send>) =>
  call(name, AT_KMC, 'service cpns-server', message);
const MATERIAL: readonly Call[] = [
  ofOsg('CreateKey', () => {
    const request = { groupId: freshGroupId(), requestId: randomBytes(16) };
    return Promise.resolve((wire) => wire.call(createKey, request));
  }),
  ofOsg('CreateKeyVersion', async (world) => {
    const request = { groupId: await keyAtKmc(world), previous: 1n, requestId: randomBytes(16) };
    return (wire) => wire.call(createKeyVersion, request);
  }),
  ofOsg('GetKeyVersion', async (world) => {
    const groupId = await keyAtKmc(world);
    return (wire) => wire.call(getKeyVersion, { groupId, version: 1n });
  }),
  ofOsg('DestroyKeyVersion', async (world) => {
    const groupId = await keyAtKmc(world);
    return (wire) => wire.call(destroyKeyVersion, { groupId, version: 1n });
  }),
  ofOsg('DestroyKey', async (world) => {
    const groupId = await keyAtKmc(world);
    return (wire) => wire.call(destroyKey, { groupId });
  }),
];

/** Of which every gateway of pn1, and the resident, is told. */
const pushed = (world: World) =>
  world.once('pushed group', async () =>
    group(world, [await member(world), (await resident(world)).entity], { delivery: 'push' }),
  );

/** A channel by somebody whose it is not; to whose it is, an entry comes. */
const CHANNELS: readonly Call[] = [
  call('OpenDeliveryChannel', AT_SERVER, 'PN GW', async (world) => {
    await pushed(world);
    const { path } = GroupKeyDeliveryServiceService.openDeliveryChannel;
    return (wire) => inTurn(world, path, () => opened(wire, path, OpenDeliveryChannelRequest));
  }),
  call('OpenNoticeChannel', AT_SMF, 'PN GW', async (world) => {
    await pushed(world);
    const { path } = ServiceGroupNoticeServiceService.openNoticeChannel;
    return (wire) => inTurn(world, path, () => opened(wire, path, OpenNoticeChannelRequest));
  }),
];

/** CPNS-1: what only a target entity calls. */
interface ByDevice {
  readonly name: string;
  readonly send: (world: World, wire: Wire) => Promise<unknown>;
}
const own = (world: World, which: string, options = {}) =>
  world.once(`group of a resident, ${which}`, async () =>
    group(world, [await member(world), (await resident(world)).entity], options),
  );
const BY_DEVICE: readonly ByDevice[] = [
  {
    name: 'JoinServiceGroup',
    send: async (world, wire) =>
      wire.call(PnGatewayServiceService.joinServiceGroup, { groupId: await own(world, 'to join') }, DEADLINE),
  },
  {
    name: 'LeaveServiceGroup',
    send: async (world, wire) =>
      wire.call(PnGatewayServiceService.leaveServiceGroup, { groupId: await own(world, 'to leave') }, DEADLINE),
  },
  {
    name: 'PullGroupKey',
    send: async (world, wire) =>
      wire.call(PnGatewayServiceService.pullGroupKey, { groupId: await own(world, 'to pull'), version: 0n }),
  },
  {
    name: 'WatchGroupKeys',
    send: async (world, wire) => {
      await pushed(world);
      const { path } = PnGatewayServiceService.watchGroupKeys;
      return inTurn(world, path, () => opened(wire, path));
    },
  },
];

const atGateway = ({ name, send }: ByDevice, caller: Caller): Row =>
  row<{ readonly world: World; readonly wire: Wire }>({
    id: `${name} by ${caller}`,
    item: 'a caller of the wrong role',
    clause: 'AUTHZ-1',
    at: 'gateway certificate',
    expect: { code: 'PERMISSION_DENIED', reason: 'ROLE_NOT_PERMITTED' },
    arrange: async (world) => ({ world, wire: (await resident(world)).wire }),
    good: ({ world, wire }) => send(world, wire),
    bad: ({ world }) => send(world, world.wire('gateway certificate', caller)),
  });

/** The port for tokens serves nothing of this. */
const onTokenPort = (called: Call): Row =>
  callerRow(called, {
    id: 'anybody without a certificate',
    item: 'a caller of the wrong role',
    clause: 'architecture, gRPC',
    as: (world) => world.wire('Server token'),
    expect: { code: 'UNIMPLEMENTED', reason: 'UNIMPLEMENTED' },
  });

const SERVICES = ['service smf', 'service kmc', 'service cpns-server'] as const;
const ENTITIES = ['target entity', 'target PN GW'] as const;

export const GROUP_CALLER_ROWS: readonly Row[] = [
  ...roles(LOOKS, ['PN GW', 'service smf', 'service kmc', ...ENTITIES]),
  ...roles(CHANGES, ['PN GW', ...SERVICES, 'target entity']),
  ...roles(MEMBERSHIP, ['operator', ...SERVICES, ...ENTITIES]),
  ...roles(MANAGEMENT, ['operator', 'PN GW', 'service kmc', 'service cpns-server', 'target entity']),
  ...roles([STATUS], ['PN GW', 'service kmc', 'service cpns-server', ...ENTITIES]),
  ...roles([PULL, ...CHANNELS], ['operator', 'service smf', 'service kmc', ...ENTITIES]),
  ...roles(MATERIAL, ['operator', 'service smf', 'service kmc', 'PN GW', 'target entity']),
  ...BY_DEVICE.flatMap((one) =>
    (['operator', 'PN GW', 'service smf', 'service cpns-server'] as const).map((caller) => atGateway(one, caller)),
  ),
  ...[PULL, STATUS].map(onTokenPort),
];
