/** GroupKeyDeliveryService over a port: two functions answer it, and the channels end with what they depend on. */
import { EntityUserKeyServiceService, GroupKeyDeliveryServiceService } from '@cpns/contracts';
import { connectTo, type Connection } from '@cpns/grpc';
import { identifyByName, TestPki } from '@cpns/grpc/testing';
import { serve, type ServedModule } from '@cpns/platform/testing';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { X509Certificate } from 'node:crypto';
import { Authorities } from '../authorities/authorities';
import { CskmfModule } from '../cskmf/cskmf.module';
import { EntityUserKeyModule } from '../entity-user-key/entity-user-key.module';
import { GatewayStanding } from '../gateways/records';
import { Kmc } from '../osg/osg';
import { gateway, KMC, pne, reasonOf, SERVER, SMF, TRUST_DOMAIN, World, type CskmfProcess } from '../testing/world';
import { GatewayLog } from './gateway-delivery';

const GW = gateway();
const OPERATOR = `cpns://${TRUST_DOMAIN}/operator/ann`;

const pki = new TestPki();
const gatewayTls = pki.client(GW);
const connections: Connection[] = [];
let temporary: TemporaryStore;
let world: World;
let server: CskmfProcess;
let served: ServedModule;
const events: string[] = [];

beforeEach(async () => {
  events.splice(0);
  temporary = await temporaryStore();
  world = await World.make(temporary.store);
  await world.enrol(
    GW,
    'live',
    Buffer.from(new X509Certificate(gatewayTls.cert!).fingerprint256.replaceAll(':', ''), 'hex'),
  );
  const kmc = { uri: KMC, rpc: world.kmc, onApplicationShutdown: () => events.push('connection closed') };
  const overrides = [
    { provide: Kmc, useValue: kmc },
    { provide: Authorities, useValue: {} },
  ];
  server = await world.process(world.store, overrides, [CskmfModule, EntityUserKeyModule]);
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  await served.close();
  await temporary.dispose();
});
afterAll(() => pki.remove());

const start = async () => {
  served = await serve(server.module, {
    certificate: {
      clients: 'certificate',
      listen: '127.0.0.1:0',
      tls: pki.server(SERVER),
      identify: identifyByName,
      admitPeer: server.module.get(GatewayStanding).admitPeer,
      logger: world.log.logger,
    },
  });
};
const connect = (tls = gatewayTls): Connection => {
  const connection = connectTo({ address: served.addresses.certificate!, tls, expectedPeer: SERVER });
  connections.push(connection);
  return connection;
};
/** The channel of the gateway, once its first entry came. */
const openChannel = async () => {
  await server.module.get(GatewayLog).append(GW, 'token-revoked.t', {
    $case: 'tokenRevocation',
    value: { tokenId: 't', entity: pne('a') },
  });
  const channel = connect().client(GroupKeyDeliveryServiceService).openDeliveryChannel();
  await channel.write({ message: { $case: 'opening', value: { lastSequence: 0n } } });
  const entries = channel[Symbol.asyncIterator]();
  expect((await entries.next()).value).toMatchObject({ sequence: 1n, entry: { value: { tokenId: 't' } } });
  return entries;
};

it('brings a gateway its log, and answers its pulls', async () => {
  await start();
  await openChannel();
  const pull = connect().client(GroupKeyDeliveryServiceService).pullGroupKey({ groupId: 'g', version: 0n, entity: '' });
  expect(await reasonOf(pull)).toBe('NOT_FOUND/NOT_FOUND');
});

it('ends the channel of a gateway whose identity an operator revokes, and lets it in no more', async () => {
  await start();
  const entries = await openChannel();
  const ended = reasonOf(entries.next());
  const operator = connect(pki.client(OPERATOR)).client(EntityUserKeyServiceService);
  await operator.revokeEntityUserKey({ entity: GW, keyId: Buffer.alloc(0) });
  expect(await ended).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
  const pull = connect().client(GroupKeyDeliveryServiceService).pullGroupKey({ groupId: 'g', version: 0n, entity: '' });
  expect(await reasonOf(pull)).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
});

it('ends channels when the process stops, then the loops, then the connection to the KMC', async () => {
  const [A, B] = [pne('a'), pne('b')];
  await world.register(A, B);
  const description = world.description('g');
  await server.keys.create({ description, members: [A], membershipRevision: 1n }, SMF);
  await server.keys.update({ groupId: 'g', membershipRevision: 2n, joined: [B], left: [] }, SMF);
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
  const stopped = served.close().then(() => events.push('stopped'));
  expect(await reasonOf(entries.next())).toBe('UNAVAILABLE/SHUTTING_DOWN');
  expect(events).toEqual([]);
  release();
  await stopped;
  expect(events).toEqual(['version destroyed', 'connection closed', 'stopped']);
});
