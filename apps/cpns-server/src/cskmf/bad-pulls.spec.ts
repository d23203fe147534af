/** What bad input gateways get refused at CSKMF, and what is said while the KMC or the store is away; nothing is stored. */
import {
  NO_PAGE,
  type GroupKeyDeliveryServicePullGroupKeyRequest,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import { CHANNEL_MISUSES, HONEST_RECEIVER, speak } from '@cpns/delivery/testing';
import { changesOfHistory, HISTORIES } from '@cpns/group-key/testing';
import type { DuplexContext } from '@cpns/grpc';
import { expectRefusal, type Fault } from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { PullGroupKeyController } from './pull-group-key';
import { GatewayDeliveryController } from '../gateway-delivery/gateway-delivery.controller';
import { GatewayLog } from '../gateway-log/gateway-log';
import { A, argument, AT, B, C, CskmfBench } from '../testing/cskmf-bench';
import type { KmcCall } from '../testing/fake-kmc';
import { callOf, GW, GW2, pne, SERVER, type CskmfProcess } from '../testing/world';

const cskmf = perFile(new CskmfBench());

describe('a gateway', () => {
  type Pull = GroupKeyDeliveryServicePullGroupKeyRequest & { readonly by?: string };
  const pull = ({ by = GW, ...request }: Pull) =>
    cskmf.server.module.get(PullGroupKeyController).pullGroupKey(request, callOf(by));
  const NO_E = argument('NAME_INVALID', 'entity');
  const WHOM = [
    ['one member', A],
    ['all', ''],
  ] as const;
  cskmf.refuses<Pull>({
    name: 'PullGroupKey by a PN GW',
    good: async () => ({ groupId: await cskmf.group(), version: 0n, entity: A, ...NO_PAGE }),
    send: pull,
    faults: [
      ['a page of one member', { pageSize: 1 }, argument('FIELD_OUT_OF_RANGE', 'page_size')],
      ['a page token for one member', { pageToken: 'x' }, argument('FIELD_OUT_OF_RANGE', 'page_token')],
      ['what is no E', { entity: 'lamp' }, NO_E],
      ['E of the Server', { entity: SERVER }, NO_E],
      ['an entity of another PN', { entity: pne('a', 'pn9') }, 'PERMISSION_DENIED/PN_MISMATCH'],
      ['a member, by a gateway of another PN', { by: GW2 }, 'PERMISSION_DENIED/PN_MISMATCH'],
      ['all members, by a gateway of another PN', { by: GW2, entity: '' }, 'PERMISSION_DENIED/NOT_A_MEMBER'],
      ['all members, of a version to come', { entity: '', version: 2n }, 'NOT_FOUND/NOT_FOUND'],
      ...HISTORIES.map((history): Fault<Pull> => [
        history.id,
        async () => {
          const groupId = await cskmf.group(history.given[0] ? [A, C] : [A]);
          for (const [index, { joined, left }] of changesOfHistory(history, C, B).entries())
            await cskmf.server.update(BigInt(index + 2), joined, left, groupId);
          return { groupId, version: history.version, entity: C };
        },
        history.expect,
      ]),
      [
        'a member whose key was revoked',
        async () => {
          const entity = pne('revoked');
          await cskmf.register(entity);
          const groupId = await cskmf.group([A, entity]);
          await cskmf.setKey(entity, { state: 'revoked' });
          return { groupId, entity };
        },
        'FAILED_PRECONDITION/MEMBER_WITHOUT_KEY',
      ],
      ...WHOM.map(([whom, entity]): Fault<Pull> => [
        `a version that has retired, for ${whom}`,
        async ({ groupId }) => {
          await cskmf.server.update(2n, [C], [], groupId);
          cskmf.clock.advance(60_000);
          return { version: 1n, entity };
        },
        'FAILED_PRECONDITION/VERSION_RETIRED',
      ]),
    ],
  });
  for (const [whom, entity] of WHOM)
    cskmf.refuses<Pull>({
      name: `PullGroupKey by a PN GW for ${whom}`,
      good: async () => ({ groupId: await cskmf.group(), version: 0n, entity, ...NO_PAGE }),
      send: pull,
      faults: [...cskmf.ofGroup, cskmf.deleted],
    });
  const WRONG_TOKEN = 'INVALID_ARGUMENT/PAGE_TOKEN_INVALID';
  const tokenOf = async (groupId: string) =>
    (await pull({ groupId, version: 0n, entity: '', pageSize: 1, pageToken: '' })).nextPageToken;
  /** A token of which one part is changed: group, version, place. */
  const altered =
    (change: (id: string, version: string, place: string) => readonly string[]) =>
    async ({ groupId }: Pull) => {
      const [id = '', version = '', place = ''] = Buffer.from(await tokenOf(groupId), 'base64url')
        .toString()
        .split(' ');
      return { pageToken: Buffer.from(change(id, version, place).join(' ')).toString('base64url') };
    };
  cskmf.refuses<Pull>({
    name: 'PullGroupKey by a PN GW, page by page',
    good: async () => {
      const groupId = await cskmf.group();
      return { groupId, version: 0n, entity: '', pageSize: 1, pageToken: await tokenOf(groupId) };
    },
    send: pull,
    faults: [
      ['more than a page holds', { pageSize: 1_001 }, argument('FIELD_OUT_OF_RANGE', 'page_size')],
      ['a token that is none', { pageToken: '?' }, WRONG_TOKEN],
      ['a token of another group', async () => ({ pageToken: await tokenOf(await cskmf.group()) }), WRONG_TOKEN],
      [
        'a token of another version than is asked for',
        async ({ groupId }) => {
          await cskmf.server.update(2n, [C], [], groupId);
          return { version: 2n };
        },
        WRONG_TOKEN,
      ],
      ['a token of a version to come', altered((id, _version, place) => [id, '2', place]), 'NOT_FOUND/NOT_FOUND'],
      ['a token of no version', altered((id, _version, place) => [id, '0', place]), WRONG_TOKEN],
      ['a token without a place', altered((id, version) => [id, version]), WRONG_TOKEN],
      ['a token with a place that no page has', altered((id, version) => [id, version, '\u0001']), WRONG_TOKEN],
    ],
  });
});

describe('a dependency that is down', () => {
  const DOWN = 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE';
  /** The change that is written down, to be carried out once the dependency is back. */
  const PROPOSED = /^group\/[\w-]+ (pending was added|head was changed)$/;
  type Send = (groupId: string, served: CskmfProcess) => Promise<unknown>;
  /** With what the KMC is asked for it, and what a refusal may leave. */
  const CALLS: readonly (readonly [name: string, kmc: KmcCall, journal: RegExp | undefined, send: Send])[] = [
    ['CreateGroupKey', 'createKey', PROPOSED, (id, served) => served.create([A, B], { groupId: `${id}-new` })],
    ['UpdateGroupKey', 'createKeyVersion', PROPOSED, (id, served) => served.update(2n, [C], [], id)],
    ['DeleteGroupKey', 'destroyKey', PROPOSED, (id, served) => served.delete(id)],
    ['PullGroupKey by a PN GW for one member', 'getKeyVersion', undefined, (id, served) => served.pull(A, 0n, GW, id)],
    ['PullGroupKey by a PN GW for all', 'getKeyVersion', undefined, (id, served) => served.pull('', 0n, GW, id)],
  ];
  const titled = (why: string, calls = CALLS) =>
    calls.map((call) => [`${call[0]}, ${why}, ${AT}: ${DOWN}`, call] as const);

  it.each(titled('KMC stopped'))('%s', async (_title, [, kmc, journal, send]) => {
    const groupId = await cskmf.group();
    // a process with an empty memory
    const served = await cskmf.process();
    cskmf.kmc.breakNext(kmc, 'before');
    await expectRefusal(cskmf.store, () => send(groupId, served), DOWN, journal);
    await send(groupId, served);
  });

  it.each(
    titled(
      'Redis stopped',
      CALLS.filter(([name]) => name !== 'DeleteGroupKey'),
    ),
  )('%s', async (_title, [, , , send]) => {
    const groupId = await cskmf.group();
    const store = new FailingStore(cskmf.store);
    const served = await cskmf.process(store);
    store.isAway = true;
    await expectRefusal(cskmf.store, () => send(groupId, served), DOWN);
    store.isAway = false;
    await send(groupId, served);
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
    for (const name of ['1', '2', '3'])
      await cskmf.server.module.get(GatewayLog).append(GW, { kind: 'token', name }, 'revoked');
    // the first snapshot finds what belongs to the network
    await speak(serve, HONEST_RECEIVER.slice(0, 2), 'ends');
  });

  it.each(
    CHANNEL_MISUSES.map(([id, said, expected]) => [`${id} (${name}), ${AT}: ${expected}`, said, expected] as const),
  )('%s', (_title, said, expected) => expectRefusal(cskmf.store, () => speak(serve, said), expected));
});
