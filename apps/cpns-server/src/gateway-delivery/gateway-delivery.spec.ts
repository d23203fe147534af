/** GroupKeyDeliveryService over a port: two functions answer it, and the channels end with what they depend on. */
import {
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  NO_PAGE,
  RevokeEntityUserKeyRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { receiverWire } from '@cpns/delivery';
import { openingAt } from '@cpns/delivery/testing';
import { outcomeOf, TestPort } from '@cpns/platform/testing';
import { Authorities } from '../authorities/authorities';
import { CskmfModule } from '../cskmf/cskmf.module';
import type { AdmissionRecord } from '../entities/records';
import { EntityUserKeyModule } from '../entity-user-key/entity-user-key.module';
import { RecordIdentity } from '../entity-user-key/provision-gateway';
import { GatewayStanding } from '../gateways/records';
import { Kmc } from '../osg/osg';
import { revokeOn } from '../testing/revoke';
import { GW, KMC, pne, SERVER, TRUST_DOMAIN, World, type CskmfProcess } from '../testing/world';
import { GatewayLog } from '../gateway-log/gateway-log';
import { GatewayDeliveryModule } from './gateway-delivery.module';

const OPERATOR = `cpns://${TRUST_DOMAIN}/operator/ann`;

const port = new TestPort(SERVER);
const world = perTest(new World());
let server: CskmfProcess;
let replica: () => Promise<CskmfProcess>;
const events: string[] = [];

beforeEach(async () => {
  events.splice(0);
  await world.enrol(GW, 'live', port.digestOf(GW));
  const kmc = { uri: KMC, rpc: world.kmc, onApplicationShutdown: () => events.push('connection closed') };
  const overrides = [
    { provide: Kmc, useValue: kmc },
    { provide: Authorities, useValue: {} },
  ];
  replica = () => world.process(world.store, overrides, [CskmfModule, EntityUserKeyModule, GatewayDeliveryModule]);
  server = await replica();
});

const start = () =>
  port.serve(server.module, { admitPeer: server.module.get(GatewayStanding).admitPeer, logger: world.log.logger });
/** Without the sender's states. */
async function* entriesOf(channel: AsyncIterable<OpenDeliveryChannelResponse>) {
  for await (const response of channel) if (response.sequence > 0n) yield response;
}

/** The channel of the gateway, once its snapshot came. */
const openChannel = async () => {
  await server.module.get(GatewayLog).append(GW, { kind: 'credential', name: pne('a') }, '1');
  const channel = port.as(GW).client(GroupKeyDeliveryServiceService).openDeliveryChannel();
  await channel.write(receiverWire(openingAt(0n)));
  const entries = entriesOf(channel);
  expect((await entries.next()).value).toMatchObject({ sequence: 1n, entry: { $case: 'snapshotEnd' } });
  return entries;
};

it('brings a gateway its log, and answers its pulls', async () => {
  await start();
  await openChannel();
  const pull = port
    .as(GW)
    .client(GroupKeyDeliveryServiceService)
    .pullGroupKey({ groupId: 'g', version: 0n, entity: '', ...NO_PAGE });
  expect(await outcomeOf(pull)).toBe('NOT_FOUND/NOT_FOUND');
});

it('ends the channel of a gateway whose identity an operator revokes, and lets it in no more', async () => {
  await start();
  const entries = await openChannel();
  const ended = outcomeOf(entries.next());
  const operator = port.as(OPERATOR).client(EntityUserKeyServiceService);
  await operator.revokeEntityUserKey(RevokeEntityUserKeyRequest.fromPartial({ entity: GW }));
  expect(await ended).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
  const pull = port
    .as(GW)
    .client(GroupKeyDeliveryServiceService)
    .pullGroupKey({ groupId: 'g', version: 0n, entity: '', ...NO_PAGE });
  expect(await outcomeOf(pull)).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
});

/** As a gateway that enrols with a younger admission does. */
const replaced = async (other: CskmfProcess) =>
  other.module.get(RecordIdentity).execute({
    entity: GW,
    tokenId: 'younger',
    admittedAt: world.clock.now() + 1,
    certificateDigest: Buffer.alloc(32, 9),
    certificateKeyDigest: Buffer.alloc(32, 9),
    certificateNotAfter: world.clock.now() + 86_400_000,
  } as AdmissionRecord);
const revoked = async (other: CskmfProcess) => revokeOn(other.module, { entity: GW });

it.each([
  ['revoked', revoked],
  ['replaced', replaced],
])('ends the channel of a gateway whose identity is %s at another replica', async (_what, end) => {
  await start();
  const entries = await openChannel();
  const ended = outcomeOf(entries.next());
  await end(await replica());
  // within a second: `e2e:rights` measures it
  expect(await ended).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
});

it('ends channels when the process stops, then the loops, then the connection to the KMC', async () => {
  const [A, B] = [pne('a'), pne('b')];
  await world.register(A, B);
  await server.create([A]);
  await server.update(2n, [B], []);
  world.clock.advance(60_000);
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const destroy = world.kmc.destroyKeyVersion;
  const called = new Promise<void>((resolve) => {
    world.kmc.destroyKeyVersion = async (request) => {
      resolve();
      await released;
      events.push('version destroyed');
      return destroy(request);
    };
  });
  await start();
  await called;
  const entries = await openChannel();
  const stopped = port.close().then(() => events.push('stopped'));
  expect(await outcomeOf(entries.next())).toBe('UNAVAILABLE/SHUTTING_DOWN');
  expect(events).toEqual([]);
  release();
  await stopped;
  expect(events).toEqual(['version destroyed', 'connection closed', 'stopped']);
});
