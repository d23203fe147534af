/** Service Groups of the running services, their members, and calls that differ from a good one in one place. */
import {
  GroupKeyDeliveryMode,
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  KmcServiceService,
  MembershipServiceService,
  PnGatewayServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { NewGroup } from '@cpns/testing';
import {
  certificateHolder,
  joining,
  NONCE_SPENT,
  row,
  secretHolder,
  withOwnProof,
  type Caller,
  type Holder,
  type Port,
  type Shown,
  type Wire,
} from '@cpns/testing/bad-input';
import { randomBytes } from 'node:crypto';
import type { Row } from '../../phase';
import type { World } from '../../world';

/** Several of these services on a busy machine work on one call, milliseconds. */
export const PATIENT = { deadlineMs: 20_000 };

/** An id that no group has had. */
export const freshGroupId = (): string => `group-${randomBytes(8).toString('hex')}`;
export const requestId = (): Buffer => randomBytes(16);

/** An entity with a live registered key; by number, so that rows may share them. */
const holder = (world: World, number: number): Promise<Holder> =>
  world.once(`member ${number}`, async () => {
    const made = await secretHolder(world);
    (await holders(world)).set(made.entity, made);
    return made;
  });
/** By E. */
const holders = (world: World) => world.once('holders', () => Promise.resolve(new Map<string, Holder>()));

/** E of such an entity. */
export const member = async (world: World, number = 1): Promise<string> => (await holder(world, number)).entity;

export const members = (world: World, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => member(world, index + 1)));

/** A target entity that calls the running gateway with its certificate: its own proofs alone leave a trace. */
export const resident = (world: World): Promise<Holder & { readonly wire: Wire }> =>
  world.once('resident', async () => {
    const made = await certificateHolder(world);
    return { ...made, wire: world.wireAs('gateway certificate', made.tls) };
  });

export const groupsOf = ({ deployment }: World) => deployment.operator.groups;

/** A group of the SMF's, open to join. @returns its id */
export async function group(world: World, entities?: readonly string[], options: Partial<NewGroup> = {}) {
  const groupId = freshGroupId();
  const own = entities ?? [await member(world), (await resident(world)).entity];
  await groupsOf(world).createGroup({ groupId, delivery: 'pull', openToJoin: true, members: own, ...options });
  return groupId;
}

export const creation = async (world: World) => ({
  description: {
    groupId: freshGroupId(),
    displayName: 'living room',
    delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
    sealPeriod: 86_400_000n,
    updatePeriod: 0n,
    maxMembers: 10,
    openToJoin: false,
    activationDelay: 0n,
    joinWindow: 0n,
    preparedVersions: 0,
    joinKeepsVersion: false,
  },
  members: await members(world, 2),
  membershipRevision: 1n,
});

/** Whose connection it is. */
export type As = Caller | ((world: World) => Promise<Wire>);
const wireOf = async (world: World, at: Port, as: As): Promise<Wire> =>
  typeof as === 'function' ? as(world) : world.wire(at, as);

/** An RPC at a port, by the caller that it is for; its name goes into the ids of rows. */
export interface Rpc<M extends MethodShape> {
  readonly name: string;
  readonly at: Port;
  readonly as: As;
  readonly method: M;
  /** The request as it is sent, with the entity's own proof of that moment. */
  readonly prove?: Prove<M>;
}
interface Sealed<M extends MethodShape> {
  readonly request: RequestOf<M>;
  readonly metadata?: Readonly<Record<string, Buffer>>;
}
type Prove<M extends MethodShape> = (world: World, request: RequestOf<M>) => Promise<Sealed<M>>;
const servedAt =
  (at: Port, as: As) =>
  <M extends MethodShape>(name: string, method: M, prove?: Prove<M>): Rpc<M> => ({
    name,
    at,
    as,
    method,
    ...(prove && { prove }),
  });
const byOperator = servedAt('SMF certificate', 'operator');
const byRelay = servedAt('SMF certificate', 'PN GW');
const bySmf = servedAt('Server certificate', 'service smf');
const byGateway = servedAt('Server certificate', 'PN GW');
const byOsg = servedAt('KMC certificate', 'service cpns-server');
const byDevice = servedAt('gateway certificate', async (world) => (await resident(world)).wire);

const { joinServiceGroup } = PnGatewayServiceService;
const proveJoin: Prove<typeof joinServiceGroup> = async (world, request) => ({
  request,
  metadata: withOwnProof(world, await resident(world), joining(request.groupId)),
});
const { joinServiceGroup: relayedJoin } = MembershipServiceService;
const proveRelayedJoin: Prove<typeof relayedJoin> = async (world, request) => {
  const known = (await holders(world)).get(request.entity);
  if (known === undefined) return { request };
  const asked = joining(request.groupId);
  const [entityProof = NOTHING] = Object.values(withOwnProof(world, known, asked));
  return { request: { ...request, entityRequest: asked.body, entityProof } };
};
const NOTHING = Buffer.alloc(0);
/** As a gateway relays it, before the entity proves it. */
export const joinOf = (groupId: string, entity: string) => ({
  groupId,
  entity,
  entityRequest: NOTHING,
  entityProof: NOTHING,
});

const [SMF, CSKMF] = [ServiceGroupServiceService, GroupKeyManagementServiceService];
export const RPC = {
  createServiceGroup: byOperator('CreateServiceGroup', SMF.createServiceGroup),
  getServiceGroup: byOperator('GetServiceGroup', SMF.getServiceGroup),
  addMembers: byOperator('AddMembers', SMF.addMembers),
  removeMembers: byOperator('RemoveMembers', SMF.removeMembers),
  relayedJoin: byRelay('MembershipService.JoinServiceGroup', relayedJoin, proveRelayedJoin),
  join: byDevice('JoinServiceGroup', joinServiceGroup, proveJoin),
  createGroupKey: bySmf('CreateGroupKey', CSKMF.createGroupKey),
  updateGroupKey: bySmf('UpdateGroupKey', CSKMF.updateGroupKey),
  deleteGroupKey: bySmf('DeleteGroupKey', CSKMF.deleteGroupKey),
  getGroupKeyStatus: bySmf('GetGroupKeyStatus', CSKMF.getGroupKeyStatus),
  pullByGateway: byGateway('PullGroupKey by a PN GW', GroupKeyDeliveryServiceService.pullGroupKey),
  pull: byDevice('PullGroupKey by a PNE', PnGatewayServiceService.pullGroupKey),
  createKey: byOsg('CreateKey', KmcServiceService.createKey),
  createKeyVersion: byOsg('CreateKeyVersion', KmcServiceService.createKeyVersion),
  getKeyVersion: byOsg('GetKeyVersion', KmcServiceService.getKeyVersion),
  destroyKeyVersion: byOsg('DestroyKeyVersion', KmcServiceService.destroyKeyVersion),
  destroyKey: byOsg('DestroyKey', KmcServiceService.destroyKey),
};

async function sendOver<M extends MethodShape>(
  world: World,
  wire: Wire,
  { method, prove }: Rpc<M>,
  message: RequestOf<M>,
  deadlineMs = PATIENT.deadlineMs,
) {
  const { request, metadata = {} } = (await prove?.(world, message)) ?? { request: message };
  return wire.call(method, request, { deadlineMs, metadata });
}

/** Calls an RPC as the caller that it is for. */
export const send = async <M extends MethodShape>(world: World, rpc: Rpc<M>, request: RequestOf<M>) =>
  sendOver(world, await wireOf(world, rpc.at, rpc.as), rpc, request);

/** A group of CSKMF's own, which no SMF knows. @returns its id */
export async function keyedGroup(world: World): Promise<string> {
  const request = await creation(world);
  await send(world, RPC.createGroupKey, request);
  return request.description.groupId;
}

/** A key of the KMC's own, which no CSKMF knows. @returns its group-id */
export async function keyAtKmc(world: World): Promise<string> {
  const request = { groupId: freshGroupId(), requestId: requestId() };
  await send(world, RPC.createKey, request);
  return request.groupId;
}

/** What is sent: the unaltered message, the altered one, and afterwards, where that shows something, a good one again. */
interface Messages<R> {
  readonly good: R;
  readonly bad: R;
  readonly again?: R;
  /** In place of that call. */
  readonly after?: () => Promise<unknown>;
}
interface Sending extends Pick<Row, 'journal'> {
  /** The caller that sends the altered message, where that is what is wrong with it. */
  readonly badAs?: As;
  readonly badDeadlineMs?: number;
}

/** A row whose messages are requests of one RPC. */
export const callRow = <M extends MethodShape>(
  shown: Shown,
  rpc: Rpc<M>,
  messages: (world: World) => Messages<RequestOf<M>> | Promise<Messages<RequestOf<M>>>,
  { journal = rpc.prove && NONCE_SPENT, badAs = rpc.as, badDeadlineMs }: Sending = {},
): Row => {
  const prepare: Row['prepare'] = async (world) => {
    const { good, bad, again, after } = await messages(world);
    const other = await wireOf(world, rpc.at, badAs);
    return {
      good: () => send(world, rpc, good),
      bad: () => sendOver(world, other, rpc, bad, badDeadlineMs),
      after: after ?? (again && (() => send(world, rpc, again))),
    };
  };
  return row(shown, rpc.at, prepare, journal);
};

/** The same of a fault in the message, with the name of the RPC in its id. */
export const faultRow = <M extends MethodShape>(
  [id, item, expect]: Shown,
  rpc: Rpc<M>,
  ...rest: Parameters<typeof callRow<M>> extends [Shown, Rpc<M>, ...infer R] ? R : never
): Row => callRow<M>([`${id} (${rpc.name})`, item, expect], rpc, ...rest);
