/** Pulls of a Group Key by whom, and of versions, that it is not for (GK-PULL, FLOW-PULL steps 9 and 10). */
import { GroupKeyDeliveryServiceService, PnGatewayServiceService } from '@cpns/contracts';
import { row, type Expectation, type Item, type Row } from '../../row';
import type { World } from '../../world';
import { assignSecret } from '../assignment-stage';
import { callRow, group, groupsOf, member, members, resident } from './stage';

const { pullGroupKey } = GroupKeyDeliveryServiceService;

const NOT_A_MEMBER: Expectation = { code: 'PERMISSION_DENIED', reason: 'NOT_A_MEMBER' };
const NOT_GIVEN: Expectation = { code: 'PERMISSION_DENIED', reason: 'VERSION_NOT_GIVEN' };
const NO_SUCH_VERSION: Expectation = { code: 'NOT_FOUND', reason: 'NOT_FOUND' };

/** A group with a history: `entity` is in it for some of its versions. */
interface History {
  readonly id: string;
  readonly item: Item;
  /** Of versions 1, 2 and 3: in which of them the entity is a recipient. */
  readonly given: readonly [boolean, boolean, boolean];
  /** 0 for the newest. */
  readonly version: bigint;
  readonly expect: Expectation;
}

const HISTORIES: readonly History[] = [
  {
    id: 'a stranger',
    item: 'a pull by whom the group is not for',
    given: [false, false, false],
    version: 0n,
    expect: NOT_A_MEMBER,
  },
  {
    id: 'a stranger, by version',
    item: 'a pull by whom the group is not for',
    given: [false, false, false],
    version: 2n,
    expect: NOT_A_MEMBER,
  },
  {
    id: 'a leaver, the newest',
    item: 'a pull by whom the group is not for',
    given: [true, false, false],
    version: 0n,
    expect: NOT_A_MEMBER,
  },
  {
    id: 'a leaver, the version that it left with',
    item: 'a version after leaving',
    given: [true, true, false],
    version: 3n,
    expect: NOT_GIVEN,
  },
  {
    id: 'a leaver, a version long after',
    item: 'a version after leaving',
    given: [true, false, false],
    version: 3n,
    expect: NOT_GIVEN,
  },
  {
    id: 'a joiner, the version before',
    item: 'a version before joining',
    given: [false, false, true],
    version: 2n,
    expect: NOT_GIVEN,
  },
  {
    id: 'a joiner, the first version',
    item: 'a version before joining',
    given: [false, true, true],
    version: 1n,
    expect: NOT_GIVEN,
  },
  {
    id: 'one that came back, the version between',
    item: 'a version after leaving',
    given: [true, false, true],
    version: 2n,
    expect: NOT_GIVEN,
  },
  {
    id: 'a member, a version to come',
    item: 'a version that was never made',
    given: [true, true, true],
    version: 4n,
    expect: NO_SUCH_VERSION,
  },
  {
    id: 'a member, version 2^64 - 1',
    item: 'a version that was never made',
    given: [true, true, true],
    version: 2n ** 64n - 1n,
    expect: NO_SUCH_VERSION,
  },
];

/** Three versions, made by changes of membership that the entity is part of where it has to be. */
async function historyOf(world: World, entity: string, { given }: History): Promise<string> {
  const [constant = '', other = ''] = await members(world, 2);
  const groupId = await group(world, given[0] ? [constant, entity] : [constant]);
  const isIn = new Map([
    [entity, given[0]],
    [other, false],
  ]);
  for (const wanted of given.slice(1)) {
    // where the entity stays what it is, another comes or goes
    const one = isIn.get(entity) === wanted ? other : entity;
    const joins = isIn.get(one) !== true;
    await (joins ? groupsOf(world).addMembers(groupId, [one]) : groupsOf(world).removeMembers(groupId, [one]));
    isIn.set(one, joins);
  }
  return groupId;
}

const histories: readonly Row[] = HISTORIES.flatMap((history) => {
  const { id, item, expect, version } = history;
  return [
    callRow({
      id: `${id} (PullGroupKey by a PN GW)`,
      item,
      clause: 'GK-PULL step 3',
      at: 'Server certificate',
      as: 'PN GW',
      method: pullGroupKey,
      expect,
      messages: async (world) => {
        const entity = await member(world, 3);
        const groupId = await historyOf(world, entity, history);
        return {
          good: { groupId, version: 3n, entity: await member(world) },
          bad: { groupId, version, entity },
        };
      },
    }),
    callRow({
      id: `${id} (PullGroupKey by a PNE)`,
      item,
      clause: 'GK-PULL step 2',
      at: 'gateway certificate',
      as: async (world) => (await resident(world)).wire,
      method: PnGatewayServiceService.pullGroupKey,
      expect,
      messages: async (world) => {
        const { entity } = await resident(world);
        const own = await group(world, [entity]);
        return {
          good: { groupId: own, version: 0n },
          bad: { groupId: await historyOf(world, entity, history), version },
        };
      },
    }),
  ];
});

interface WrongPull {
  readonly id: string;
  readonly item: Item;
  readonly as?: 'PN GW' | 'PN GW of another PN';
  readonly entity: (world: World) => string | Promise<string>;
  readonly version?: bigint;
  readonly expect: Expectation;
}

const WRONG: readonly WrongPull[] = [
  {
    id: 'what is no E',
    item: 'an id outside its pattern',
    entity: () => 'lamp',
    expect: { code: 'INVALID_ARGUMENT', reason: 'NAME_INVALID', field: 'entity' },
  },
  {
    id: 'E of the Server',
    item: 'an id outside its pattern',
    entity: ({ serverUri }) => serverUri,
    expect: { code: 'INVALID_ARGUMENT', reason: 'NAME_INVALID', field: 'entity' },
  },
  {
    id: 'an entity of another PN',
    item: 'a pull for another PN',
    entity: (world) => world.entity('pn9'),
    expect: { code: 'PERMISSION_DENIED', reason: 'PN_MISMATCH' },
  },
  {
    id: 'a member, by a gateway of another PN',
    item: 'a pull for another PN',
    as: 'PN GW of another PN',
    entity: (world) => member(world),
    expect: { code: 'PERMISSION_DENIED', reason: 'PN_MISMATCH' },
  },
  {
    id: 'all members, by a gateway of another PN',
    item: 'a pull by whom the group is not for',
    as: 'PN GW of another PN',
    entity: () => '',
    expect: NOT_A_MEMBER,
  },
  {
    id: 'all members, of a version to come',
    item: 'a version that was never made',
    entity: () => '',
    version: 2n,
    expect: NO_SUCH_VERSION,
  },
];

const wrong: readonly Row[] = WRONG.map(({ id, item, as = 'PN GW', entity, version = 0n, expect }) =>
  row<{ readonly good: () => Promise<unknown>; readonly bad: () => Promise<unknown> }>({
    id: `${id} (PullGroupKey by a PN GW)`,
    item,
    clause: 'GK-PULL step 3',
    at: 'Server certificate',
    expect,
    arrange: async (world) => {
      const known = await member(world);
      const groupId = await group(world, [known]);
      const wire = world.wire('Server certificate', 'PN GW');
      const bad = { groupId, version, entity: await entity(world) };
      return {
        good: () => wire.call(pullGroupKey, { groupId, version: 0n, entity: bad.entity === '' ? '' : known }),
        bad: () => world.wire('Server certificate', as).call(pullGroupKey, bad),
      };
    },
    good: ({ good }) => good(),
    bad: ({ bad }) => bad(),
  }),
);

/** A member whose key has ended since: the group is as it was, and there is nothing to wrap for. */
const withoutKey: Row = callRow({
  id: 'a member whose key was revoked (PullGroupKey by a PN GW)',
  item: 'a member without a registered key',
  clause: 'GK-PULL step 3',
  at: 'Server certificate',
  as: 'PN GW',
  method: pullGroupKey,
  expect: { code: 'FAILED_PRECONDITION', reason: 'MEMBER_WITHOUT_KEY' },
  messages: async (world) => {
    const token = await world.admit({ form: 'secret', assigner: 'server' });
    await assignSecret(world, token);
    const { entity } = token;
    const known = await member(world);
    const groupId = await group(world, [known, entity]);
    await world.deployment.operator.revokeKey(entity);
    return { good: { groupId, version: 0n, entity: known }, bad: { groupId, version: 0n, entity } };
  },
  metadata: ({ entity }) => ({ entity }),
});

export const PULL_ROWS: readonly Row[] = [...histories, ...wrong, withoutKey];
