import { CpnsError, type Reason } from '@cpns/core';
import { callOf, CAMERA, gatewayWorld, outcomeOf, STRANGER, type GatewayWorld } from '../testing/world';
import { RelayMembership } from './relay-membership';

describe.each([
  ['join', 'joinServiceGroup'],
  ['leave', 'leaveServiceGroup'],
] as const)('a %s, relayed', (what, method) => {
  let world: GatewayWorld;
  beforeEach(async () => {
    world = await gatewayWorld();
  });
  afterEach(() => world.dispose());

  const ask = (groupId: string, entity: string | undefined = CAMERA) =>
    world.module.get(RelayMembership).execute(method, groupId, callOf(world, entity));

  it('says who asks, from its proof, and what the SMF answers', async () => {
    world.smf.answer = () => Promise.resolve(7n);
    expect(await ask('g1')).toBe(7n);
    expect(world.smf.asked).toEqual([`${what} g1 ${CAMERA}`]);
  });

  it.each<Reason>([
    'JOIN_NOT_PERMITTED',
    'LIMIT_REACHED',
    'GROUP_DELETED',
    'MEMBER_WITHOUT_KEY',
    'DEPENDENCY_UNAVAILABLE',
  ])('passes %s on', async (reason) => {
    world.smf.answer = () => Promise.reject(new CpnsError(reason, 'no'));
    expect(await outcomeOf(ask('g1'))).toBe(reason);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['no group-id', () => ask(''), 'FIELD_MISSING'],
    ['a group-id that is none', () => ask('a b'), 'NAME_INVALID'],
    ['an entity of another PN', () => ask('g1', STRANGER), 'PN_MISMATCH'],
    [
      'nobody',
      () => world.module.get(RelayMembership).execute(method, 'g1', callOf(world, undefined)),
      'PROOF_MISSING',
    ],
  ])('refuses %s before anyone is asked', async (_what, act, reason) => {
    expect(await outcomeOf(act())).toBe(reason);
    expect(world.smf.asked).toEqual([]);
  });
});
