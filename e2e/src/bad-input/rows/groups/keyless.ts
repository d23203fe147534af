/** Members that have no live registered key: nothing could be wrapped for them (GK-CREATE, GK-UPDATE-M). */
import { GroupKeyManagementServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import { refusalOf, row, type Expectation, type Row } from '../../row';
import type { World } from '../../world';
import { assignSecret } from '../assignment-stage';
import { keyedGroup } from './rpcs';
import { callRow, description, freshGroupId, group, groupsOf, member, members } from './stage';

const { createServiceGroup, addMembers } = ServiceGroupServiceService;
const { createGroupKey, updateGroupKey } = GroupKeyManagementServiceService;

const WITHOUT_KEY: Expectation = { code: 'FAILED_PRECONDITION', reason: 'MEMBER_WITHOUT_KEY' };
/**
 * CSKMF refuses what SMF proposed: the proposal is taken back, and why is kept for ten minutes for whoever asks again. The
 * group's record is written anew as it was.
 */
const TAKEN_BACK =
  /^smf service-group\/[\w-]+ (group was changed|refusal\.[0-9a-f]{32} was added|log outbox was (added|changed))$/;

/** Why somebody has no live registered key. */
const KEYLESS: Readonly<Record<string, (world: World) => Promise<string> | string>> = {
  'was never admitted': (world) => world.entity(),
  'was admitted and has no key': async (world) => (await world.admit({ form: 'secret', assigner: 'server' })).entity,
  'has a key that was assigned and not registered': async (world) => {
    const token = await world.admit({ form: 'secret', assigner: 'gateway' });
    await assignSecret(world, token);
    return token.entity;
  },
  'has a key that was revoked': async (world) => {
    const token = await world.admit({ form: 'secret', assigner: 'server' });
    await assignSecret(world, token);
    await world.deployment.operator.revokeKey(token.entity);
    return token.entity;
  },
};

interface Changing {
  readonly world: World;
  readonly groupId: string;
  readonly keyless: string;
  readonly good: () => Promise<unknown>;
  readonly bad: () => Promise<unknown>;
}

/** What an operator and CSKMF see of a group, or that there is none. */
async function seen(world: World, groupId: string): Promise<unknown> {
  const groups = groupsOf(world);
  const look = async <T>(what: Promise<T>) => what.catch((error: unknown) => String(error));
  return [await look(groups.getGroup(groupId)), await look(groups.groupKeyStatus(groupId))];
}

/** A change at the SMF that CSKMF refuses: besides the journal nothing changes, and the group is seen as before. */
const keyless = (
  who: string,
  name: 'CreateServiceGroup' | 'AddMembers',
  entityOf: (world: World) => Promise<string> | string,
): Row =>
  row<Changing>({
    id: `a member that ${who} (${name})`,
    item: 'a member without a registered key',
    clause: 'GK-CREATE, GK-UPDATE-M',
    at: 'SMF certificate',
    expect: WITHOUT_KEY,
    journal: TAKEN_BACK,
    arrange: async (world) => {
      const [known, other] = await members(world, 2);
      const entity = await entityOf(world);
      const isNew = name === 'CreateServiceGroup';
      const groupId = isNew ? freshGroupId() : await group(world, [known ?? '']);
      const wire = world.wire('SMF certificate', 'operator');
      const options = { deadlineMs: 20_000 };
      const send = (id: string, names: string[]) =>
        isNew
          ? wire.call(createServiceGroup, { description: description({ groupId: id }), members: names }, options)
          : wire.call(addMembers, { groupId: id, members: names }, options);
      return {
        world,
        groupId,
        keyless: entity,
        good: () => send(isNew ? freshGroupId() : groupId, [other ?? '']),
        bad: () => send(groupId, [known ?? '', entity]),
      };
    },
    good: ({ good }) => good(),
    bad: async ({ world, groupId, bad }) => {
      const before = await seen(world, groupId);
      const refusal = await refusalOf(bad);
      expect(await seen(world, groupId)).toEqual(before);
      throw refusal;
    },
    check: ({ metadata }, { keyless: entity }) => expect(metadata).toMatchObject({ entity }),
  });

export const KEYLESS_ROWS: readonly Row[] = Object.entries(KEYLESS).flatMap(([who, entityOf]) => [
  keyless(who, 'CreateServiceGroup', entityOf),
  keyless(who, 'AddMembers', entityOf),
  callRow({
    id: `a member that ${who} (CreateGroupKey)`,
    item: 'a member without a registered key',
    clause: 'GK-CREATE',
    at: 'Server certificate',
    as: 'service smf',
    method: createGroupKey,
    expect: WITHOUT_KEY,
    messages: async (world) => {
      const good = { description: description(), members: await members(world, 2), membershipRevision: 1n };
      const other = [...(await members(world, 1)), await entityOf(world)];
      return { good, bad: { ...good, description: description(), members: other } };
    },
    metadata: ({ members: [, entity = ''] }) => ({ entity }),
  }),
  callRow({
    id: `a member that ${who} (UpdateGroupKey)`,
    item: 'a member without a registered key',
    clause: 'GK-UPDATE-M',
    at: 'Server certificate',
    as: 'service smf',
    method: updateGroupKey,
    expect: WITHOUT_KEY,
    messages: async (world) => {
      const update = { groupId: await keyedGroup(world), left: [] };
      const good = { ...update, membershipRevision: 2n, joined: [await member(world, 3)] };
      return { good, bad: { ...update, membershipRevision: 3n, joined: [await entityOf(world)] } };
    },
    metadata: ({ joined: [entity = ''] }) => ({ entity }),
  }),
]);
