/** Service Groups of the running services, their members, and calls that differ from a good one in one place. */
import { GroupKeyDeliveryMode, type GroupDescription } from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { NewGroup } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import type { Refusal, Wire, WireTls } from '../../../support/wire';
import { row, type Row, type RowOf } from '../../row';
import type { Caller, Port, World } from '../../world';
import { assignSecret } from '../assignment-stage';
import { registeredHolder } from '../callers';
import { expectation, ITEM, shown, wrongValues, type WrongValue } from '../names';

/** Several of these services on a busy machine work on one call, milliseconds. */
const DEADLINE_MS = 20_000;

/** An id that no group has had. */
export const freshGroupId = (): string => `group-${randomBytes(8).toString('hex')}`;

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
export interface Resident {
  readonly entity: string;
  readonly tls: WireTls;
  readonly wire: Wire;
}

export const resident = (world: World, number = 1): Promise<Resident> =>
  world.once(`resident ${number}`, async () => {
    const entity = world.entity();
    const tls = await registeredHolder(world, entity);
    return { entity, tls, wire: world.wireAs('gateway certificate', tls) };
  });

export const groupsOf = ({ deployment }: World) => deployment.operator.groups;

/** A group of its own. @returns its id */
export async function group(
  world: World,
  entities: readonly string[],
  options: Partial<NewGroup> = {},
): Promise<string> {
  const groupId = freshGroupId();
  await groupsOf(world).createGroup({ groupId, delivery: 'pull', members: entities, ...options });
  return groupId;
}

/** A group that was and is no more. @returns its id */
export async function endedGroup(world: World, entities: readonly string[]): Promise<string> {
  const groupId = await group(world, entities, { openToJoin: true });
  await groupsOf(world).deleteGroup(groupId);
  return groupId;
}

export const description = (change: Partial<GroupDescription> = {}): GroupDescription => ({
  groupId: freshGroupId(),
  displayName: 'living room',
  delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
  sealPeriod: 86_400_000n,
  updatePeriod: 0n,
  maxMembers: 10,
  openToJoin: false,
  ...change,
});

/** What is sent: the unaltered message, the altered one, and afterwards, where that shows something, a good one again. */
export interface Messages<M extends MethodShape> {
  readonly good: RequestOf<M>;
  readonly bad: RequestOf<M>;
  readonly again?: RequestOf<M>;
}

/** Whose connection it is. */
export type As = Caller | ((world: World) => Promise<Wire>);

export const wireOf = (world: World, at: Port, as: As): Promise<Wire> =>
  typeof as === 'function' ? as(world) : Promise.resolve(world.wire(at, as));

type Shown = Pick<RowOf<never>, 'id' | 'item' | 'clause' | 'expect' | 'journal'> & { readonly at: Port };

export interface CallSpec<M extends MethodShape> extends Shown {
  readonly as: As;
  readonly method: M;
  readonly messages: (world: World) => Promise<Messages<M>>;
  /** Of the altered call, milliseconds. */
  readonly deadlineMs?: number;
  /** What the refusal's metadata must have. */
  readonly metadata?: (bad: RequestOf<M>) => Readonly<Record<string, string>>;
}

interface Calling<M extends MethodShape> extends Messages<M> {
  readonly wire: Wire;
}

/** A row whose messages are requests of one RPC by one caller. */
export function callRow<M extends MethodShape>(spec: CallSpec<M>): Row {
  const { as, method, messages, deadlineMs = DEADLINE_MS, metadata, ...shownParts } = spec;
  return row<Calling<M>>({
    ...shownParts,
    arrange: async (world) => ({ ...(await messages(world)), wire: await wireOf(world, spec.at, as) }),
    good: ({ wire, good }) => wire.call(method, good, { deadlineMs: DEADLINE_MS }),
    bad: ({ wire, bad }) => wire.call(method, bad, { deadlineMs }),
    after: ({ wire, again }) =>
      again === undefined ? Promise.resolve() : wire.call(method, again, { deadlineMs: DEADLINE_MS }),
    check: (refusal: Refusal, { bad }) => expect(refusal.metadata).toMatchObject(metadata?.(bad) ?? {}),
  });
}

/** An RPC with a group-id in its request. */
export interface WithGroupId<M extends MethodShape> {
  readonly name: string;
  readonly at: Port;
  readonly as: As;
  readonly method: M;
  /** A good request. */
  readonly request: (world: World) => Promise<RequestOf<M>>;
  readonly withGroupId: (request: RequestOf<M>, groupId: string) => RequestOf<M>;
}

/** One of each fault. */
const WRONG_GROUP_ID: readonly WrongValue[] = wrongValues(64, ['.hidden']);

/** The group-id of an RPC, empty, over-long and outside its pattern. */
export const groupIdRows = <M extends MethodShape>(
  { name, at, as, method, request, withGroupId }: WithGroupId<M>,
  values = WRONG_GROUP_ID,
): Row[] =>
  values.map(({ fault, value }) =>
    callRow({
      id: `group-id ${shown(value)} (${name})`,
      item: ITEM[fault],
      clause: 'protocol, Names',
      at,
      as,
      method,
      expect: expectation('group_id', fault),
      messages: async (world) => {
        const good = await request(world);
        return { good, bad: withGroupId(good, value) };
      },
    }),
  );
