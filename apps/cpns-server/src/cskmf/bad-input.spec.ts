/** What bad input gets at CSKMF, each RPC with each fault: refused as documented, and nothing is stored. */
import type {
  CreateGroupKeyRequest,
  GroupKeyDeliveryServicePullGroupKeyRequest,
  OpenDeliveryChannelRequest,
  OpenDeliveryChannelResponse,
  UpdateGroupKeyRequest,
} from '@cpns/contracts';
import { parseEntityUri, parseSubject } from '@cpns/core';
import { CHANNEL_MISUSES, HONEST_RECEIVER, speak } from '@cpns/delivery/testing';
import { changesOfHistory, HISTORIES } from '@cpns/group-key/testing';
import { ServerCallContext, type CallContext, type DuplexContext, type Peer } from '@cpns/grpc';
import { sha256 } from '@cpns/key-derivation';
import {
  descriptionFaults,
  expectRefusal,
  groupIdFaults,
  memberFaults,
  ONE_OF_EACH,
  refusesBadInput,
  type BadInput,
  type Fault,
} from '@cpns/platform/testing';
import { FailingStore, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { GatewayDeliveryController } from '../gateway-delivery/gateway-delivery.controller';
import { GatewayLog } from '../gateway-delivery/gateway-log';
import { gateway, pne, SERVER, SMF, World, type CskmfProcess } from '../testing/world';
import { GroupKeyManagementController } from './group-key-management.controller';
import { PullGroupKeyController } from './pull-group-key/pull-group-key.controller';

const AT = 'Server certificate';
const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d')];
const [GW, OTHER_GW] = [gateway(), gateway('gw', 'pn2')];
const KEYLESS = {
  'was never admitted': pne('stranger'),
  'was admitted and has no key': pne('admitted'),
  'has a key that was assigned and not registered': pne('assigned'),
  'has a key that was revoked': pne('revoked'),
};

let temporary: TemporaryStore;
let world: World;
let server: CskmfProcess;
let management: GroupKeyManagementController;
let pulls: PullGroupKeyController;
let count = 0;
const freshId = () => `group-${++count}`;
const controllers = ({ module }: CskmfProcess) =>
  [module.get(GroupKeyManagementController), module.get(PullGroupKeyController)] as const;

beforeAll(async () => {
  temporary = await temporaryStore();
  world = await World.make(temporary.store);
  await world.register(A, B, C, D);
  await world.admit(KEYLESS['was admitted and has no key'], 'open');
  await world.admit(KEYLESS['has a key that was assigned and not registered'], 'assigned');
  await world.setKey(KEYLESS['has a key that was revoked'], { state: 'revoked' });
  await world.enrol(GW);
  server = await world.process();
  [management, pulls] = controllers(server);
});
afterAll(() => temporary.dispose());

/** A call of a service or a gateway. */
function callOf(uri: string, signal = new AbortController().signal): CallContext {
  const { logger } = world.log;
  const call = new ServerCallContext({ method: '', deadline: Infinity, receivedAt: Date.now(), signal, logger });
  const isService = uri === SMF;
  const name = isService ? parseSubject(uri).name : parseEntityUri(uri);
  const role = isService ? 'service' : 'pn-gw';
  call.peer = { uri, name, role, fingerprint: sha256(Buffer.from(uri)) } as Partial<Peer> as Peer;
  return call;
}

const creation = (members: readonly string[] = [A, B]): CreateGroupKeyRequest => ({
  description: world.description(freshId()),
  members: [...members],
  membershipRevision: 1n,
});
/** @returns the id of a group of its own */
async function group(members?: readonly string[]): Promise<string> {
  const request = creation(members);
  await management.createGroupKey(request, callOf(SMF));
  return request.description!.groupId;
}
async function ended(): Promise<string> {
  const groupId = await group();
  await management.deleteGroupKey({ groupId }, callOf(SMF));
  return groupId;
}

/** What is refused has not reached the KMC either. */
const refuses = <R>(input: Omit<BadInput<R>, 'at'>) =>
  refusesBadInput(() => temporary.store, {
    ...input,
    at: AT,
    send: async (request) => {
      const { length } = world.kmc.calls;
      await input.send(request).catch((error: unknown) => {
        expect(world.kmc.calls).toHaveLength(length);
        throw error;
      });
    },
  });

interface OfGroup {
  readonly groupId: string;
}
const ofGroup = <R extends OfGroup>(): Fault<R>[] => [
  ...groupIdFaults<R>(ONE_OF_EACH),
  { id: 'unknown group', bad: (good) => ({ ...good, groupId: freshId() }), expect: 'NOT_FOUND/NOT_FOUND' },
];
const GROUP_DELETED = 'FAILED_PRECONDITION/GROUP_DELETED';
const deleted = <R extends OfGroup>(): Fault<R> => ({
  id: 'deleted group',
  bad: async (good) => ({ ...good, groupId: await ended() }),
  expect: GROUP_DELETED,
});
const keyless = <R>(bad: (good: R, entity: string) => R): Fault<R>[] =>
  Object.entries(KEYLESS).map(([who, entity]) => ({
    id: `a member that ${who}`,
    bad: (good) => bad(good, entity),
    expect: 'FAILED_PRECONDITION/MEMBER_WITHOUT_KEY',
  }));
const CONFLICT = 'ABORTED/CONFLICT';
const argument = (reason: string, field: string) => `INVALID_ARGUMENT/${reason} ${field}`;
const NO_REVISION = argument('FIELD_MISSING', 'membership_revision');

describe('the SMF', () => {
  refuses<CreateGroupKeyRequest>({
    name: 'CreateGroupKey',
    good: creation,
    send: (request) => management.createGroupKey(request, callOf(SMF)),
    faults: [
      ...descriptionFaults<CreateGroupKeyRequest>(),
      ...memberFaults<CreateGroupKeyRequest>(),
      ...keyless<CreateGroupKeyRequest>((good, entity) => ({ ...good, members: [A, entity] })),
      { id: 'revision 0', bad: (good) => ({ ...good, membershipRevision: 0n }), expect: NO_REVISION },
      {
        id: 'deleted group',
        bad: async (good) => ({ ...good, description: world.description(await ended()) }),
        expect: GROUP_DELETED,
      },
      ...(['members', 'revision', 'description'] as const).map((what): Fault<CreateGroupKeyRequest> => ({
        id: `a group that is there, with other ${what}`,
        bad: async (good) => {
          await management.createGroupKey(good, callOf(SMF));
          const description = { ...good.description!, displayName: 'kitchen' };
          const other = {
            members: { members: [A] },
            revision: { membershipRevision: 2n },
            description: { description },
          };
          return { ...good, ...other[what] };
        },
        expect: 'ALREADY_EXISTS/ALREADY_EXISTS',
      })),
    ],
  });

  /** Of a group whose present revision is 2, where C joined. */
  const changed = (
    id: string,
    change: Partial<UpdateGroupKeyRequest>,
    expected: string,
  ): Fault<UpdateGroupKeyRequest> => ({
    id,
    bad: (good) => ({ ...good, ...change }),
    expect: expected,
  });
  const next = (id: string, joined: string[], left: string[], expected: string) =>
    changed(id, { membershipRevision: 3n, joined, left }, expected);
  const named = (field: 'joined' | 'left') => {
    const names = (id: string, all: string[], expected: string) =>
      next(`${id} in ${field}`, field === 'joined' ? all : [], field === 'left' ? all : [], expected);
    return [
      names('an empty name', [''], argument('FIELD_MISSING', field)),
      names('what is no E', ['lamp'], argument('NAME_INVALID', field)),
      names('an E of another trust domain', ['cpns://pn1.other.example/pne/lamp'], 'PERMISSION_DENIED/TRUST_DOMAIN'),
      names(
        '1,001 names',
        Array.from({ length: 1_001 }, (_, n) => pne(`m${n}`)),
        argument('FIELD_TOO_LONG', field),
      ),
    ];
  };
  refuses<UpdateGroupKeyRequest>({
    name: 'UpdateGroupKey',
    good: async () => {
      const request = { groupId: await group(), membershipRevision: 2n, joined: [C], left: [] };
      await management.updateGroupKey(request, callOf(SMF));
      return request;
    },
    send: (request) => management.updateGroupKey(request, callOf(SMF)),
    faults: [
      ...ofGroup<UpdateGroupKeyRequest>(),
      deleted(),
      ...keyless<UpdateGroupKeyRequest>((good, entity) => ({ ...good, membershipRevision: 3n, joined: [entity] })),
      changed('revision 0', { membershipRevision: 0n }, NO_REVISION),
      changed('a revision that is over', { membershipRevision: 1n }, CONFLICT),
      changed('a revision too far', { membershipRevision: 4n }, CONFLICT),
      changed('revision 2^64 - 1', { membershipRevision: 2n ** 64n - 1n }, CONFLICT),
      changed('the present revision with another member', { joined: [D] }, CONFLICT),
      changed('the present revision with one member more', { joined: [C, D] }, CONFLICT),
      changed('the present revision with somebody leaving besides', { left: [A] }, CONFLICT),
      next('nobody joined and nobody left', [], [], argument('FIELD_MISSING', 'joined')),
      next('one that joined twice', [D, D], [], argument('FIELD_OUT_OF_RANGE', 'joined')),
      next('one that left twice', [], [A, A], argument('FIELD_OUT_OF_RANGE', 'left')),
      next('one that joined and left', [A], [A], argument('FIELD_OUT_OF_RANGE', 'left')),
      ...named('joined'),
      ...named('left'),
    ],
  });

  const there = async () => ({ groupId: await group() });
  refuses<OfGroup>({
    name: 'DeleteGroupKey',
    good: there,
    send: (request) => management.deleteGroupKey(request, callOf(SMF)),
    faults: ofGroup(),
  });
  refuses<OfGroup>({
    name: 'GetGroupKeyStatus',
    good: there,
    send: (request) => management.getGroupKeyStatus(request),
    faults: ofGroup(),
  });
});

describe('a gateway', () => {
  type Pull = GroupKeyDeliveryServicePullGroupKeyRequest & { readonly by?: string };
  const pull = ({ by = GW, ...request }: Pull) => pulls.pullGroupKey(request, callOf(by));
  const wrong = (id: string, change: Partial<Pull>, expected: string): Fault<Pull> => ({
    id,
    bad: (good) => ({ ...good, ...change }),
    expect: expected,
  });
  const NO_E = argument('NAME_INVALID', 'entity');
  refuses<Pull>({
    name: 'PullGroupKey by a PN GW',
    good: async () => ({ groupId: await group(), version: 0n, entity: A }),
    send: pull,
    faults: [
      wrong('what is no E', { entity: 'lamp' }, NO_E),
      wrong('E of the Server', { entity: SERVER }, NO_E),
      wrong('an entity of another PN', { entity: pne('a', 'pn9') }, 'PERMISSION_DENIED/PN_MISMATCH'),
      wrong('a member, by a gateway of another PN', { by: OTHER_GW }, 'PERMISSION_DENIED/PN_MISMATCH'),
      wrong('all members, by a gateway of another PN', { by: OTHER_GW, entity: '' }, 'PERMISSION_DENIED/NOT_A_MEMBER'),
      wrong('all members, of a version to come', { entity: '', version: 2n }, 'NOT_FOUND/NOT_FOUND'),
      ...HISTORIES.map((history): Fault<Pull> => ({
        id: history.id,
        bad: async () => {
          const groupId = await group(history.given[0] ? [A, C] : [A]);
          for (const [index, change] of changesOfHistory(history, C, B).entries())
            await management.updateGroupKey({ groupId, membershipRevision: BigInt(index + 2), ...change }, callOf(SMF));
          return { groupId, version: history.version, entity: C };
        },
        expect: history.expect,
      })),
      {
        id: 'a member whose key was revoked',
        bad: async () => {
          const entity = pne(`revoked-${++count}`);
          await world.register(entity);
          const groupId = await group([A, entity]);
          await world.setKey(entity, { state: 'revoked' });
          return { groupId, version: 0n, entity };
        },
        expect: 'FAILED_PRECONDITION/MEMBER_WITHOUT_KEY',
      },
      ...[
        ['one member', A],
        ['all', ''],
      ].map(([whom = '', entity = '']): Fault<Pull> => ({
        id: `a version that has retired, for ${whom}`,
        bad: async ({ groupId }) => {
          await management.updateGroupKey({ groupId, membershipRevision: 2n, joined: [C], left: [] }, callOf(SMF));
          world.clock.advance(60_000);
          return { groupId, version: 1n, entity };
        },
        expect: 'FAILED_PRECONDITION/VERSION_RETIRED',
      })),
    ],
  });
  for (const [whom, entity] of [
    ['one member', A],
    ['all', ''],
  ] as const)
    refuses<Pull>({
      name: `PullGroupKey by a PN GW for ${whom}`,
      good: async () => ({ groupId: await group(), version: 0n, entity }),
      send: pull,
      faults: [...ofGroup<Pull>(), deleted()],
    });
});

describe('a dependency that is down', () => {
  const DOWN = 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE';
  /** The change that is written down, to be carried out once the dependency is back. */
  const PROPOSED = /^group\/[\w-]+ (pending was added|head was changed)$/;
  type Send = (groupId: string, ...served: ReturnType<typeof controllers>) => Promise<unknown>;
  const CALLS: Readonly<Record<string, Send>> = {
    CreateGroupKey: (groupId, served) =>
      served.createGroupKey({ ...creation(), description: world.description(`${groupId}-new`) }, callOf(SMF)),
    UpdateGroupKey: (groupId, served) =>
      served.updateGroupKey({ groupId, membershipRevision: 2n, joined: [C], left: [] }, callOf(SMF)),
    DeleteGroupKey: (groupId, served) => served.deleteGroupKey({ groupId }, callOf(SMF)),
    'PullGroupKey by a PN GW for one member': (groupId, _served, pulled) =>
      pulled.pullGroupKey({ groupId, version: 0n, entity: A }, callOf(GW)),
    'PullGroupKey by a PN GW for all': (groupId, _served, pulled) =>
      pulled.pullGroupKey({ groupId, version: 0n, entity: '' }, callOf(GW)),
  };
  const KMC_CALLS = {
    CreateGroupKey: 'createKey',
    UpdateGroupKey: 'createKeyVersion',
    DeleteGroupKey: 'destroyKey',
  } as const;
  const isChange = (name: string): name is keyof typeof KMC_CALLS => name in KMC_CALLS;
  const titled = (why: string, names: readonly string[]) =>
    names.map((name) => [`${name}, ${why}, ${AT}: ${DOWN}`, name] as const);

  it.each(titled('KMC stopped', Object.keys(CALLS)))('%s', async (_title, name) => {
    const groupId = await group();
    // nothing of the group in memory
    const served = controllers(await world.process());
    world.kmc.breakNext(isChange(name) ? KMC_CALLS[name] : 'getKeyVersion', 'before');
    const send = () => CALLS[name]!(groupId, ...served);
    await expectRefusal(temporary.store, send, DOWN, isChange(name) ? PROPOSED : undefined);
    await send();
  });

  it.each(
    titled(
      'Redis stopped',
      Object.keys(CALLS).filter((name) => name !== 'DeleteGroupKey'),
    ),
  )('%s', async (_title, name) => {
    const groupId = await group();
    const store = new FailingStore(temporary.store);
    const served = controllers(await world.process(store));
    const send = () => CALLS[name]!(groupId, ...served);
    store.isAway = true;
    await expectRefusal(temporary.store, send, DOWN);
    store.isAway = false;
    await send();
  });
});

describe('the delivery channel of a gateway', () => {
  type Channel = DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
  const serve = ({ signal, requests, write }: Pick<Channel, 'signal' | 'requests' | 'write'>) =>
    server.module
      .get(GatewayDeliveryController)
      .openDeliveryChannel(Object.assign(callOf(GW, signal), { requests, write }));
  const name = 'OpenDeliveryChannel';

  beforeAll(async () => {
    for (const tokenId of ['1', '2', '3'])
      await server.module
        .get(GatewayLog)
        .append(GW, `token-revoked.${tokenId}`, { $case: 'tokenRevocation', value: { tokenId, entity: A } });
    await speak(serve, HONEST_RECEIVER, 'ends');
  });

  it.each(
    CHANNEL_MISUSES.map(([id, said, expected]) => [`${id} (${name}), ${AT}: ${expected}`, said, expected] as const),
  )('%s', (_title, said, expected) => expectRefusal(temporary.store, () => speak(serve, said), expected));
});
