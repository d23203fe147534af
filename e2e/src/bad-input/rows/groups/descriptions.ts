/** GroupDescription, each field wrong by itself, and the names of members, at whoever makes groups (GK-CREATE). */
import {
  GroupKeyManagementServiceService,
  ServiceGroupServiceService,
  type GroupDescription,
  type GroupKeyDeliveryMode,
} from '@cpns/contracts';
import { REASONS } from '@cpns/core';
import type { Expectation, Item, Row } from '../../row';
import type { World } from '../../world';
import { expectation, ITEM, shown, WRONG_ID } from '../names';
import { callRow, description, members } from './stage';

interface Wrong {
  readonly id: string;
  readonly item: Item;
  /** What is sent instead of the good parts. */
  readonly change: (good: Parts, world: World) => Partial<Parts>;
  readonly expect: Expectation;
}

/** What both requests have in common. */
interface Parts {
  readonly description: GroupDescription | undefined;
  readonly members: string[];
}

const field = (name: string, reason: 'FIELD_MISSING' | 'FIELD_TOO_LONG' | 'FIELD_OUT_OF_RANGE'): Expectation => ({
  code: REASONS[reason].code,
  reason,
  field: name,
});

const inDescription = (
  id: string,
  name: string,
  change: Partial<GroupDescription>,
  reason: 'FIELD_TOO_LONG' | 'FIELD_OUT_OF_RANGE',
): Wrong => ({
  id,
  item: 'a malformed description',
  change: () => ({ description: description(change) }),
  expect: field(name, reason),
});

const DAY_MS = 86_400_000n;

const WRONG: readonly Wrong[] = [
  {
    id: 'no description',
    item: 'a malformed description',
    change: () => ({ description: undefined }),
    expect: field('description', 'FIELD_MISSING'),
  },
  ...WRONG_ID.map(({ fault, value }): Wrong => ({
    id: `group-id ${shown(value)} in a description`,
    item: ITEM[fault],
    change: () => ({ description: description({ groupId: value }) }),
    expect: expectation('group_id', fault),
  })),
  inDescription('name of 129 characters', 'display_name', { displayName: 'n'.repeat(129) }, 'FIELD_TOO_LONG'),
  inDescription('no mode of delivery', 'delivery', { delivery: 0 }, 'FIELD_OUT_OF_RANGE'),
  inDescription('a third mode of delivery', 'delivery', { delivery: 3 as GroupKeyDeliveryMode }, 'FIELD_OUT_OF_RANGE'),
  inDescription('seal period of 0', 'seal_period', { sealPeriod: 0n }, 'FIELD_OUT_OF_RANGE'),
  inDescription('seal period of 999 ms', 'seal_period', { sealPeriod: 999n }, 'FIELD_OUT_OF_RANGE'),
  inDescription('seal period of over 30 days', 'seal_period', { sealPeriod: 30n * DAY_MS + 1n }, 'FIELD_OUT_OF_RANGE'),
  inDescription('seal period of 2^64 - 1 ms', 'seal_period', { sealPeriod: 2n ** 64n - 1n }, 'FIELD_OUT_OF_RANGE'),
  inDescription('update period of a day', 'update_period', { updatePeriod: DAY_MS }, 'FIELD_OUT_OF_RANGE'),
  inDescription('100,001 members at most', 'max_members', { maxMembers: 100_001 }, 'FIELD_OUT_OF_RANGE'),
  inDescription('4,294,967,295 members at most', 'max_members', { maxMembers: 2 ** 32 - 1 }, 'FIELD_OUT_OF_RANGE'),
  ...memberFaults('members', (names) => ({ members: names })),
];

/** Names of entities that are none, one too many, or one twice. */
function memberFaults(name: string, change: (names: string[]) => Partial<Parts>): Wrong[] {
  const named = (world: World, other: string) => change([other, world.entity()]);
  return [
    {
      id: 'an empty name',
      item: 'an id that is empty',
      change: (_good, world) => named(world, ''),
      expect: field(name, 'FIELD_MISSING'),
    },
    {
      id: 'a name that is no E',
      item: 'an id outside its pattern',
      change: (_good, world) => named(world, 'living-room-lamp'),
      expect: { code: 'INVALID_ARGUMENT', reason: 'NAME_INVALID', field: name },
    },
    {
      id: 'the name of a service',
      item: 'an id outside its pattern',
      change: (_good, world) => named(world, world.serverUri),
      expect: { code: 'INVALID_ARGUMENT', reason: 'NAME_INVALID', field: name },
    },
    {
      id: 'an E with a user',
      item: 'a user-info trick',
      change: ({ members: [first = ''] }) => change([`${first}?user=alice`]),
      expect: { code: 'INVALID_ARGUMENT', reason: 'NAME_INVALID' },
    },
    {
      id: 'an E with an over-long entity-id',
      item: 'an id that is over-long',
      change: (_good, world) => named(world, world.deployment.entity('pn1', 'pne', 'x').replace(/x$/, 'x'.repeat(65))),
      expect: { code: 'INVALID_ARGUMENT', reason: 'FIELD_TOO_LONG' },
    },
    {
      id: 'an E of another trust domain',
      item: 'a caller of the wrong trust domain',
      change: (_good, world) => named(world, 'cpns://pn1.other.example/pne/lamp'),
      expect: { code: 'PERMISSION_DENIED', reason: 'TRUST_DOMAIN' },
    },
    {
      id: '1,001 names',
      item: 'a message over the limit',
      change: (_good, world) => change(Array.from({ length: 1_001 }, () => world.entity())),
      expect: field(name, 'FIELD_TOO_LONG'),
    },
    {
      id: 'a name twice',
      item: 'an entity named twice',
      change: ({ members: [first = ''] }) => change([first, first]),
      expect: field(name, 'FIELD_OUT_OF_RANGE'),
    },
  ];
}

const parts = async (world: World): Promise<Parts> => ({
  description: description(),
  members: await members(world, 2),
});

const atSmf = ({ id, item, change, expect }: Wrong): Row =>
  callRow({
    id: `${id} (CreateServiceGroup)`,
    item,
    clause: 'SMF-SRV',
    at: 'SMF certificate',
    as: 'operator',
    method: ServiceGroupServiceService.createServiceGroup,
    expect,
    messages: async (world) => {
      const good = await parts(world);
      return { good, bad: { ...(await parts(world)), ...change(good, world) } };
    },
  });

const atCskmf = ({ id, item, change, expect }: Wrong): Row =>
  callRow({
    id: `${id} (CreateGroupKey)`,
    item,
    clause: 'GK-CREATE',
    at: 'Server certificate',
    as: 'service smf',
    method: GroupKeyManagementServiceService.createGroupKey,
    expect,
    messages: async (world) => {
      const good = { ...(await parts(world)), membershipRevision: 1n };
      return { good, bad: { ...good, description: description(), ...change(good, world) } };
    },
  });

/** Names in a list of members, as AddMembers and RemoveMembers have it. */
const inChange = (name: 'AddMembers' | 'RemoveMembers'): Row[] =>
  [
    ...memberFaults('members', (names) => ({ members: names })),
    {
      id: 'no names',
      item: 'a malformed message' as const,
      change: () => ({ members: [] }),
      expect: field('members', 'FIELD_MISSING'),
    },
  ].map(({ id, item, change, expect }) =>
    callRow({
      id: `${id} (${name})`,
      item,
      clause: 'GK-UPDATE-M',
      at: 'SMF certificate',
      as: 'operator',
      method: name === 'AddMembers' ? ServiceGroupServiceService.addMembers : ServiceGroupServiceService.removeMembers,
      expect,
      messages: async (world) => {
        const made = await parts(world);
        const { groupId } = made.description ?? description();
        await world.deployment.operator.groups.createGroup({ groupId, delivery: 'pull', members: made.members });
        const [first = '', ...others] = made.members;
        const good = { groupId, members: name === 'AddMembers' ? others : [first] };
        return { good, bad: { groupId, members: change(made, world).members ?? [] } };
      },
    }),
  );

export const DESCRIPTION_ROWS: readonly Row[] = [
  ...WRONG.map(atSmf),
  ...WRONG.map(atCskmf),
  ...inChange('AddMembers'),
  ...inChange('RemoveMembers'),
];
