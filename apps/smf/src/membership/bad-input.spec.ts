/** What bad input gateways and the Server get refused at the SMF, and what is said while CSKMF or the store is away; nothing is stored. */
import { RevocationKind, type ServiceGroup } from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import { expectRefusal, MEMBER_FAULTS, type Fault, type OfGroup, type WithMembers } from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { ANN, AT, BOB, EVE, LIMIT, pne, relayed, within, World, type Replica } from '../testing/world';

const world = perFile(new World());

describe('a gateway', () => {
  type Relayed = OfGroup & { readonly entity: string };
  const ENTITIES: readonly Fault<Relayed>[] = [
    ['an empty E', { entity: '' }, 'INVALID_ARGUMENT/FIELD_MISSING entity'],
    ['what is no E', { entity: 'lamp' }, 'INVALID_ARGUMENT/NAME_INVALID entity'],
    ['an E of another trust domain', { entity: 'cpns://pn1.other.example/pne/lamp' }, 'PERMISSION_DENIED/TRUST_DOMAIN'],
    ['an E of another PN', { entity: pne(1, 'pn9') }, 'PERMISSION_DENIED/PN_MISMATCH'],
    ['the name of an operator', { entity: 'cpns://td.example/operator/ann' }, 'INVALID_ARGUMENT/NAME_INVALID entity'],
  ];
  const of = (change: Parameters<typeof world.group>[1]) => async () => ({ groupId: await world.group([ANN], change) });
  const NOT_PERMITTED = 'PERMISSION_DENIED/JOIN_NOT_PERMITTED';
  world.refuses<Relayed>({
    name: 'MembershipService.JoinServiceGroup',
    good: async () => ({ groupId: await world.group(), entity: EVE }),
    send: ({ groupId, entity }) => world.smf.members.joinServiceGroup(relayed('join', groupId, entity), within()),
    faults: [
      ...world.ofLiveGroup,
      ...ENTITIES,
      ['one member too many', of({ maxMembers: 1 }), LIMIT],
      ['a group that is closed', of({ openToJoin: false }), NOT_PERMITTED],
      [
        'a group that an operator took it out of',
        async () => {
          const groupId = await world.group([ANN, EVE]);
          await world.smf.remove([EVE], within(), groupId);
          await world.rest(groupId);
          return { groupId };
        },
        NOT_PERMITTED,
      ],
    ],
  });
  world.refuses<Relayed>({
    name: 'MembershipService.LeaveServiceGroup',
    good: async () => ({ groupId: await world.group(), entity: BOB }),
    send: ({ groupId, entity }) => world.smf.members.leaveServiceGroup(relayed('leave', groupId, entity), within()),
    faults: [...world.ofLiveGroup, ...ENTITIES],
  });
});

describe('the CPNS Server', () => {
  type Ended = WithMembers & { readonly kind: number; readonly life: bigint };
  world.refuses<Ended>({
    name: 'MembershipService.EndMemberships',
    good: () => ({ members: [ANN, BOB], kind: RevocationKind.REVOCATION_KIND_SUSPEND, life: 1n }),
    send: ({ members, kind, life }) => {
      const ended = members.map((entity) => ({ entity, life, revision: 1n }));
      return world.smf.members.endMemberships({ members: ended, kind, keepGrace: false, dryRun: false }, within());
    },
    faults: [
      ...MEMBER_FAULTS,
      ['nobody', { members: [] }, 'INVALID_ARGUMENT/FIELD_MISSING members'],
      ['no life', { life: 0n }, 'INVALID_ARGUMENT/FIELD_MISSING life'],
      ['a fourth kind', { kind: 4 }, 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE kind'],
    ],
  });
});

describe('a dependency that is down', () => {
  const DOWN = 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE';
  /** The change that is written down, to be carried out once the dependency is back. */
  const PROPOSED =
    /^(service-group\/[\w-]+ ((group|requested\.\w+|log outbox) was (added|changed)|pending was added)|pn\/pn1 set member-of\.\w+ was (added|changed))$/;
  type Send = (groupId: string, smf: Replica) => Promise<unknown>;
  /** Until a change that is not answered is given up. */
  const SHORT_MS = 1_500;
  const CHANGES: Readonly<Record<string, { readonly send: Send; readonly done: Partial<ServiceGroup> }>> = {
    CreateServiceGroup: {
      send: (groupId, smf) => smf.create([ANN], { groupId: `${groupId}-new` }, within(SHORT_MS)),
      done: { members: [ANN] },
    },
    AddMembers: {
      send: (groupId, smf) => smf.add([EVE], within(SHORT_MS), groupId),
      done: { members: [ANN, BOB, EVE] },
    },
    RemoveMembers: {
      send: (groupId, smf) => smf.remove([ANN], within(SHORT_MS), groupId),
      done: { members: [BOB] },
    },
    DeleteServiceGroup: {
      send: (groupId, smf) => smf.end(within(SHORT_MS), groupId),
      done: { deleted: true },
    },
    'MembershipService.JoinServiceGroup': {
      send: (groupId, { members }) => members.joinServiceGroup(relayed('join', groupId, EVE), within(SHORT_MS)),
      done: { members: [ANN, BOB, EVE] },
    },
  };
  const titled = (why: string, without: readonly string[] = []) =>
    Object.keys(CHANGES)
      .filter((name) => !without.includes(name))
      .map((name) => [`${name}, ${why}, ${AT}: ${DOWN}`, CHANGES[name]!] as const);

  it.each(titled('KMC stopped', ['MembershipService.JoinServiceGroup']))('%s', async (title, { send, done }) => {
    const groupId = await world.group();
    world.server.stuck = true;
    await expectRefusal(world.store, () => send(groupId, world.smf), DOWN, PROPOSED);
    world.server.stuck = false;
    const changed = title.startsWith('Create') ? `${groupId}-new` : groupId;
    await world.smf.drain(changed);
    expect(await world.smf.get(changed)).toMatchObject(done);
  });

  it.each(titled('CPNS Server stopped'))('%s', async (_title, { send }) => {
    const groupId = await world.group();
    world.server.away = true;
    await expectRefusal(world.store, () => send(groupId, world.smf), DOWN);
    world.server.away = false;
    await send(groupId, world.smf);
  });

  it.each(titled('Redis stopped', ['RemoveMembers']))('%s', async (_title, { send }) => {
    const groupId = await world.group();
    const store = new FailingStore(world.store);
    const served = await world.replica(store);
    const sent = () => send(groupId, served);
    store.isAway = true;
    await expectRefusal(world.store, sent, DOWN);
    store.isAway = false;
    await sent();
  });
});
