/** Service Groups of the running services, their members, and calls that differ from a good one in one place. */
import { GroupKeyDeliveryMode, GroupKeyManagementServiceService, KmcServiceService } from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { NewGroup } from '@cpns/testing';
import {
  assignSecret,
  registeredHolder,
  row,
  type Caller,
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

/** E of an entity with a live registered key; by number, so that rows may share them. */
export const member = (world: World, number = 1): Promise<string> =>
  world.once(`member ${number}`, async () => {
    const token = await world.admit({ form: 'secret', assigner: 'server' });
    await assignSecret(world, token);
    return token.entity;
  });

export const members = (world: World, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => member(world, index + 1)));

/** A target entity that calls the running gateway with its certificate, so that no proof leaves a trace. */
export const resident = (world: World): Promise<{ readonly entity: string; readonly wire: Wire }> =>
  world.once('resident', async () => {
    const entity = world.entity();
    return { entity, wire: world.wireAs('gateway certificate', await registeredHolder(world, entity)) };
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
  },
  members: await members(world, 2),
  membershipRevision: 1n,
});

/** A group of CSKMF's own, which no SMF knows. @returns its id */
export async function keyedGroup(world: World): Promise<string> {
  const request = await creation(world);
  await world
    .wire('Server certificate', 'service smf')
    .call(GroupKeyManagementServiceService.createGroupKey, request, PATIENT);
  return request.description.groupId;
}

/** A key of the KMC's own, which no CSKMF knows. @returns its group-id */
export async function keyAtKmc(world: World): Promise<string> {
  const request = { groupId: freshGroupId(), requestId: requestId() };
  await world.wire('KMC certificate', 'service cpns-server').call(KmcServiceService.createKey, request);
  return request.groupId;
}

/** Whose connection it is. */
export type As = Caller | ((world: World) => Promise<Wire>);
const wireOf = async (world: World, at: Port, as: As): Promise<Wire> =>
  typeof as === 'function' ? as(world) : world.wire(at, as);

/** Where and by whom an RPC is called. */
export type Served = readonly [at: Port, as: As];
export const BY_OPERATOR: Served = ['SMF certificate', 'operator'];
export const BY_RELAY: Served = ['SMF certificate', 'PN GW'];
export const BY_SMF: Served = ['Server certificate', 'service smf'];
export const BY_GATEWAY: Served = ['Server certificate', 'PN GW'];
export const BY_OSG: Served = ['KMC certificate', 'service cpns-server'];
export const BY_DEVICE: Served = ['gateway certificate', async (world) => (await resident(world)).wire];

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
  [at, as]: Served,
  method: M,
  messages: (world: World) => Messages<RequestOf<M>> | Promise<Messages<RequestOf<M>>>,
  { journal, badAs = as, badDeadlineMs: deadlineMs = PATIENT.deadlineMs }: Sending = {},
): Row => {
  const prepare: Row['prepare'] = async (world) => {
    const { good, bad, again, after } = await messages(world);
    const [wire, other] = [await wireOf(world, at, as), await wireOf(world, at, badAs)];
    return {
      good: () => wire.call(method, good, PATIENT),
      bad: () => other.call(method, bad, { deadlineMs }),
      after: after ?? (again && (() => wire.call(method, again, PATIENT))),
    };
  };
  return row(shown, at, prepare, journal);
};
