/** What bad input gateways get refused at CSKMF, and what is said while the KMC or the store is away; nothing is stored. */
import type {
  GroupKeyDeliveryServicePullGroupKeyRequest,
  OpenDeliveryChannelRequest,
  OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { CHANNEL_MISUSES, HONEST_RECEIVER, speak } from '@cpns/delivery/testing';
import { changesOfHistory, HISTORIES } from '@cpns/group-key/testing';
import type { DuplexContext } from '@cpns/grpc';
import { expectRefusal, type Fault } from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { GatewayDeliveryController } from '../gateway-delivery/gateway-delivery.controller';
import { GatewayLog } from '../gateway-delivery/gateway-delivery';
import { A, argument, AT, B, C, controllersOf, CskmfBench, GW } from '../testing/cskmf-bench';
import { callOf, gateway, pne, SERVER, SMF } from '../testing/world';

const cskmf = new CskmfBench();
const OTHER_GW = gateway('gw', 'pn2');

beforeAll(() => cskmf.open());
afterAll(() => cskmf.close());

describe('a gateway', () => {
  type Pull = GroupKeyDeliveryServicePullGroupKeyRequest & { readonly by?: string };
  const pull = ({ by = GW, ...request }: Pull) => cskmf.pulls.pullGroupKey(request, callOf(by));
  const wrong = (id: string, change: Partial<Pull>, expected: string): Fault<Pull> => ({
    id,
    bad: (good) => ({ ...good, ...change }),
    expect: expected,
  });
  const NO_E = argument('NAME_INVALID', 'entity');
  cskmf.refuses<Pull>({
    name: 'PullGroupKey by a PN GW',
    good: async () => ({ groupId: await cskmf.group(), version: 0n, entity: A }),
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
          const groupId = await cskmf.group(history.given[0] ? [A, C] : [A]);
          for (const [index, change] of changesOfHistory(history, C, B).entries())
            await cskmf.management.updateGroupKey(
              { groupId, membershipRevision: BigInt(index + 2), ...change },
              callOf(SMF),
            );
          return { groupId, version: history.version, entity: C };
        },
        expect: history.expect,
      })),
      {
        id: 'a member whose key was revoked',
        bad: async () => {
          const entity = pne('revoked');
          await cskmf.world.register(entity);
          const groupId = await cskmf.group([A, entity]);
          await cskmf.world.setKey(entity, { state: 'revoked' });
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
          await cskmf.management.updateGroupKey(
            { groupId, membershipRevision: 2n, joined: [C], left: [] },
            callOf(SMF),
          );
          cskmf.world.clock.advance(60_000);
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
    cskmf.refuses<Pull>({
      name: `PullGroupKey by a PN GW for ${whom}`,
      good: async () => ({ groupId: await cskmf.group(), version: 0n, entity }),
      send: pull,
      faults: [...cskmf.ofGroup<Pull>(), cskmf.deleted()],
    });
});

describe('a dependency that is down', () => {
  const DOWN = 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE';
  /** The change that is written down, to be carried out once the dependency is back. */
  const PROPOSED = /^group\/[\w-]+ (pending was added|head was changed)$/;
  type Send = (groupId: string, served: ReturnType<typeof controllersOf>) => Promise<unknown>;
  const CALLS: Readonly<Record<string, Send>> = {
    CreateGroupKey: (groupId, { management }) =>
      management.createGroupKey(
        { ...cskmf.creation(), description: cskmf.world.description(`${groupId}-new`) },
        callOf(SMF),
      ),
    UpdateGroupKey: (groupId, { management }) =>
      management.updateGroupKey({ groupId, membershipRevision: 2n, joined: [C], left: [] }, callOf(SMF)),
    DeleteGroupKey: (groupId, { management }) => management.deleteGroupKey({ groupId }, callOf(SMF)),
    'PullGroupKey by a PN GW for one member': (groupId, { pulls }) =>
      pulls.pullGroupKey({ groupId, version: 0n, entity: A }, callOf(GW)),
    'PullGroupKey by a PN GW for all': (groupId, { pulls }) =>
      pulls.pullGroupKey({ groupId, version: 0n, entity: '' }, callOf(GW)),
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
    const groupId = await cskmf.group();
    // a process with an empty memory
    const served = controllersOf(await cskmf.world.process());
    cskmf.world.kmc.breakNext(isChange(name) ? KMC_CALLS[name] : 'getKeyVersion', 'before');
    const send = () => CALLS[name]!(groupId, served);
    await expectRefusal(cskmf.store, send, DOWN, isChange(name) ? PROPOSED : undefined);
    await send();
  });

  it.each(
    titled(
      'Redis stopped',
      Object.keys(CALLS).filter((name) => name !== 'DeleteGroupKey'),
    ),
  )('%s', async (_title, name) => {
    const groupId = await cskmf.group();
    const store = new FailingStore(cskmf.store);
    const served = controllersOf(await cskmf.world.process(store));
    const send = () => CALLS[name]!(groupId, served);
    store.isAway = true;
    await expectRefusal(cskmf.store, send, DOWN);
    store.isAway = false;
    await send();
  });
});

describe('the delivery channel of a gateway', () => {
  type Channel = DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
  const serve = ({ signal, requests, write }: Pick<Channel, 'signal' | 'requests' | 'write'>) =>
    cskmf.server.module
      .get(GatewayDeliveryController)
      .openDeliveryChannel(Object.assign(callOf(GW, signal), { requests, write }));
  const name = 'OpenDeliveryChannel';

  beforeAll(async () => {
    for (const tokenId of ['1', '2', '3'])
      await cskmf.server.module
        .get(GatewayLog)
        .append(GW, `token-revoked.${tokenId}`, { $case: 'tokenRevocation', value: { tokenId, entity: A } });
    await speak(serve, HONEST_RECEIVER, 'ends');
  });

  it.each(
    CHANNEL_MISUSES.map(([id, said, expected]) => [`${id} (${name}), ${AT}: ${expected}`, said, expected] as const),
  )('%s', (_title, said, expected) => expectRefusal(cskmf.store, () => speak(serve, said), expected));
});
