/** Versions of Group Keys that are not made, and not given: at CSKMF, the gateway and the KMC. */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyManagementServiceService,
  KmcServiceService,
  PnGatewayServiceService,
} from '@cpns/contracts';
import type { Expectation, Item, Row } from '../../row';
import type { Wire } from '@cpns/testing/bad-input';
import type { World } from '../../world';
import {
  BY_DEVICE,
  BY_GATEWAY,
  BY_OSG,
  BY_SMF,
  callRow,
  creation,
  freshGroupId,
  group,
  groupsOf,
  keyAtKmc,
  keyedGroup,
  member,
  members,
  refused,
  requestId,
  resident,
} from './stage';

const { createGroupKey, updateGroupKey } = GroupKeyManagementServiceService;
const { createKey, createKeyVersion, getKeyVersion } = KmcServiceService;
const { pullGroupKey } = GroupKeyDeliveryServiceService;

/** From an update that was accepted: revision 2, where member 3 joined. */
const updates: readonly Row[] = (
  [
    ['revision 0', 'a malformed message', refused('FIELD_MISSING', 'membership_revision'), { membershipRevision: 0n }],
    ['a revision too far', 'a revision from the future', refused('CONFLICT'), { membershipRevision: 4n }],
    [
      'a revision that is over',
      'a revision repeated with other content',
      refused('CONFLICT'),
      { membershipRevision: 1n },
    ],
  ] as const
).map(([id, item, expect, change]) =>
  callRow({
    ...BY_SMF,
    id: `${id} (UpdateGroupKey)`,
    item,
    clause: 'GK-UPDATE-M',
    method: updateGroupKey,
    expect,
    messages: async (world) => {
      const groupId = await keyedGroup(world);
      const good = { groupId, membershipRevision: 2n, joined: [await member(world, 3)], left: [] };
      return { good, bad: { ...good, ...change }, again: good };
    },
  }),
);
const takenAtCskmf = callRow({
  ...BY_SMF,
  id: 'a group that is there, with other members (CreateGroupKey)',
  item: 'a group-id that is taken',
  clause: 'GK-CREATE',
  method: createGroupKey,
  expect: refused('ALREADY_EXISTS'),
  messages: async (world) => {
    const good = await creation(world);
    return { good, bad: { ...good, members: await members(world, 1) }, again: good };
  },
});

/** Version 1 for all that are left, version 2 after the entity came or went. */
async function historyOf(world: World, entity: string, joins: boolean): Promise<string> {
  const groupId = await group(world, [await member(world), ...(joins ? [] : [entity])]);
  await (joins ? groupsOf(world).addMembers(groupId, [entity]) : groupsOf(world).removeMembers(groupId, [entity]));
  // one more, so that the newest version is 3
  await groupsOf(world).addMembers(groupId, [await member(world, 4)]);
  return groupId;
}
const pulls: readonly Row[] = (
  [
    ['a leaver, the newest', 'a pull by whom the group is not for', 'NOT_A_MEMBER', false, 0n],
    ['a leaver, a version long after', 'a version after leaving', 'VERSION_NOT_GIVEN', false, 3n],
    ['a joiner, the first version', 'a version before joining', 'VERSION_NOT_GIVEN', true, 1n],
    ['a member, a version to come', 'a version that was never made', 'NOT_FOUND', true, 4n],
  ] as const
).flatMap(([id, item, reason, isJoiner, version]) => {
  const shown = { item, expect: refused(reason) };
  return [
    callRow({
      ...BY_GATEWAY,
      ...shown,
      id: `${id} (PullGroupKey by a PN GW)`,
      clause: 'GK-PULL step 3',
      method: pullGroupKey,
      messages: async (world) => {
        const entity = await member(world, 3);
        const groupId = await historyOf(world, entity, isJoiner);
        return { good: { groupId, version: 3n, entity: await member(world) }, bad: { groupId, version, entity } };
      },
    }),
    callRow({
      ...BY_DEVICE,
      ...shown,
      id: `${id} (PullGroupKey by a PNE)`,
      clause: 'GK-PULL step 2',
      method: PnGatewayServiceService.pullGroupKey,
      messages: async (world) => {
        const { entity } = await resident(world);
        const good = { groupId: await group(world, [entity]), version: 0n };
        return { good, bad: { groupId: await historyOf(world, entity, isJoiner), version } };
      },
    }),
  ];
});
const pullForAnotherPn = callRow({
  ...BY_GATEWAY,
  id: 'an entity of another PN (PullGroupKey by a PN GW)',
  item: 'a pull for another PN',
  clause: 'GK-PULL step 3',
  method: pullGroupKey,
  expect: refused('PN_MISMATCH'),
  messages: async (world) => {
    const good = { groupId: await group(world), version: 0n, entity: await member(world) };
    return { good, bad: { ...good, entity: world.entity('pn9') } };
  },
});

const kmcVersion = (
  id: string,
  item: Item,
  expect: Expectation,
  version: bigint,
  prepare: (wire: Wire, groupId: string) => Promise<unknown> = () => Promise.resolve(),
): Row =>
  callRow({
    ...BY_OSG,
    id: `${id} (GetKeyVersion)`,
    item,
    clause: 'SECCF-KMC',
    method: getKeyVersion,
    expect,
    messages: async (world) => {
      const [there, groupId] = [await keyAtKmc(world), await keyAtKmc(world)];
      await prepare(world.wire(BY_OSG.at, 'service cpns-server'), groupId);
      return { good: { groupId: there, version: 1n }, bad: { groupId, version } };
    },
  });
const kmc: readonly Row[] = [
  kmcVersion('version 0', 'a malformed message', refused('FIELD_MISSING', 'version'), 0n),
  kmcVersion('a version that was never made', 'a version that was never made', refused('NOT_FOUND'), 2n),
  kmcVersion('a version that was destroyed', 'a version that has retired', refused('NOT_FOUND'), 1n, (wire, groupId) =>
    wire.call(KmcServiceService.destroyKeyVersion, { groupId, version: 1n }),
  ),
  ...(
    [
      ['a second first version', 'a group-id that is taken', 'ALREADY_EXISTS', () => ({ requestId: requestId() })],
      [
        'the request id of another group',
        'a request id used for something else',
        'CONFLICT',
        () => ({ groupId: freshGroupId() }),
      ],
    ] as const
  ).map(([id, item, reason, change]) =>
    callRow({
      ...BY_OSG,
      id: `${id} (CreateKey)`,
      item,
      clause: 'SECCF-KMC',
      method: createKey,
      expect: refused(reason),
      messages: () => {
        const good = { groupId: freshGroupId(), requestId: requestId() };
        return Promise.resolve({ good, bad: { ...good, ...change() }, again: good });
      },
    }),
  ),
  callRow({
    ...BY_OSG,
    id: 'version 4 as the one before, where 3 is the newest (CreateKeyVersion)',
    item: 'a revision from the future',
    clause: 'SECCF-KMC',
    method: createKeyVersion,
    expect: refused('CONFLICT'),
    messages: async (world) => {
      const groupId = await keyAtKmc(world);
      const next = (previous: bigint) => ({ groupId, previous, requestId: requestId() });
      await world.wire(BY_OSG.at, 'service cpns-server').call(createKeyVersion, next(1n));
      return { good: next(2n), bad: next(4n), again: next(3n) };
    },
  }),
];

export const KEY_ROWS: readonly Row[] = [...updates, takenAtCskmf, ...pulls, pullForAnotherPn, ...kmc];
