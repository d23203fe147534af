/** What bad input gateways get refused at the SMF, and what is said while CSKMF or the store is away; nothing is stored. */
import type { ServiceGroup } from '@cpns/contracts';
import { expectRefusal, type Fault } from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { ANN, AT, BOB, controllersOf, EVE, LIMIT, SmfBench } from '../testing/smf-bench';
import { described, pne } from '../testing/world';
import type { MembershipController } from './membership.controller';

const smf = new SmfBench();
beforeAll(() => smf.open());
afterAll(() => smf.close());

describe('a gateway', () => {
  type Relayed = Parameters<MembershipController['joinServiceGroup']>[0];
  const ENTITIES: [string, string, string][] = [
    ['an empty E', '', 'INVALID_ARGUMENT/FIELD_MISSING entity'],
    ['what is no E', 'lamp', 'INVALID_ARGUMENT/NAME_INVALID entity'],
    ['an E of another trust domain', 'cpns://pn1.other.example/pne/lamp', 'PERMISSION_DENIED/TRUST_DOMAIN'],
    ['an E of another PN', pne(1, 'pn9'), 'PERMISSION_DENIED/PN_MISMATCH'],
    ['the name of an operator', 'cpns://td.example/operator/ann', 'INVALID_ARGUMENT/NAME_INVALID entity'],
  ];
  const entities = ENTITIES.map(([id, entity, expected]): Fault<Relayed> => ({
    id,
    bad: (good) => ({ ...good, entity }),
    expect: expected,
  }));
  const other = (id: string, groupId: () => Promise<string>, expected: string): Fault<Relayed> => ({
    id,
    bad: async (good) => ({ ...good, groupId: await groupId() }),
    expect: expected,
  });
  const NOT_PERMITTED = 'PERMISSION_DENIED/JOIN_NOT_PERMITTED';
  smf.refuses<Relayed>({
    name: 'MembershipService.JoinServiceGroup',
    good: async () => ({ groupId: await smf.group(), entity: EVE }),
    send: (request) => smf.members.joinServiceGroup(request, smf.call()),
    faults: [
      ...smf.ofLiveGroup<Relayed>(),
      ...entities,
      other('one member too many', () => smf.group([ANN], { maxMembers: 1 }), LIMIT),
      other('a group that is closed', () => smf.group([ANN], { openToJoin: false }), NOT_PERMITTED),
      other(
        'a group that an operator took it out of',
        async () => {
          const groupId = await smf.group([ANN, EVE]);
          await smf.groups.removeMembers({ groupId, members: [EVE] }, smf.call());
          await smf.rest(groupId);
          return groupId;
        },
        NOT_PERMITTED,
      ),
    ],
  });
  smf.refuses<Relayed>({
    name: 'MembershipService.LeaveServiceGroup',
    good: async () => ({ groupId: await smf.group(), entity: BOB }),
    send: (request) => smf.members.leaveServiceGroup(request, smf.call()),
    faults: [...smf.ofLiveGroup<Relayed>(), ...entities],
  });
});

describe('a dependency that is down', () => {
  const DOWN = 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE';
  /** The change that is written down, to be carried out once the dependency is back. */
  const PROPOSED =
    /^service-group\/[\w-]+ (group was (added|changed)|pending was added|log outbox was (added|changed))$/;
  type Send = (groupId: string, served: ReturnType<typeof controllersOf>) => Promise<unknown>;
  /** Until a change that is not answered is given up. */
  const SHORT_MS = 1_500;
  const CHANGES: Readonly<Record<string, { readonly send: Send; readonly done: Partial<ServiceGroup> }>> = {
    CreateServiceGroup: {
      send: (groupId, { groups }) =>
        groups.createServiceGroup(
          { description: described({ groupId: `${groupId}-new` }), members: [ANN] },
          smf.call(SHORT_MS),
        ),
      done: { members: [ANN] },
    },
    AddMembers: {
      send: (groupId, { groups }) => groups.addMembers({ groupId, members: [EVE] }, smf.call(SHORT_MS)),
      done: { members: [ANN, BOB, EVE] },
    },
    RemoveMembers: {
      send: (groupId, { groups }) => groups.removeMembers({ groupId, members: [ANN] }, smf.call(SHORT_MS)),
      done: { members: [BOB] },
    },
    DeleteServiceGroup: {
      send: (groupId, { groups }) => groups.deleteServiceGroup({ groupId }, smf.call(SHORT_MS)),
      done: { deleted: true },
    },
    'MembershipService.JoinServiceGroup': {
      send: (groupId, { members }) => members.joinServiceGroup({ groupId, entity: EVE }, smf.call(SHORT_MS)),
      done: { members: [ANN, BOB, EVE] },
    },
  };
  const titled = (why: string, without: readonly string[] = []) =>
    Object.keys(CHANGES)
      .filter((name) => !without.includes(name))
      .map((name) => [`${name}, ${why}, ${AT}: ${DOWN}`, CHANGES[name]!] as const);

  it.each(titled('KMC stopped', ['MembershipService.JoinServiceGroup']))('%s', async (title, { send, done }) => {
    const groupId = await smf.group();
    smf.world.server.stuck = true;
    await expectRefusal(smf.world.store, () => send(groupId, smf), DOWN, PROPOSED);
    smf.world.server.stuck = false;
    const changed = title.startsWith('Create') ? `${groupId}-new` : groupId;
    await smf.smf.outbox.drain({ kind: 'service-group', id: changed });
    expect(await smf.smf.get(changed)).toMatchObject(done);
  });

  it.each(titled('CPNS Server stopped'))('%s', async (_title, { send }) => {
    const groupId = await smf.group();
    smf.world.server.away = true;
    await expectRefusal(smf.world.store, () => send(groupId, smf), DOWN);
    smf.world.server.away = false;
    await send(groupId, smf);
  });

  it.each(titled('Redis stopped', ['RemoveMembers']))('%s', async (_title, { send }) => {
    const groupId = await smf.group();
    const store = new FailingStore(smf.world.store);
    const served = controllersOf(await smf.world.replica(store));
    const sent = () => send(groupId, served);
    store.isAway = true;
    await expectRefusal(smf.world.store, sent, DOWN);
    store.isAway = false;
    await sent();
  });
});
