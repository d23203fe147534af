import {
  GroupKeyDeliveryServiceService,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { connectTo, createServerPort, implement, type Connection, type ServerPort } from '@cpns/grpc';
import { identifyByName, TestPki } from '@cpns/grpc/testing';
import type { Position } from '@cpns/store';
import { recordsOn, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { DeliveryClient, type ClientState } from './delivery-client';
import { DeliveryLog } from './delivery-log';
import type { ReceiverCodec } from './receive';
import { PeerSenders } from './peer-senders';
import { BEGINNING } from './sender';
import type { SenderCodec } from './sender-codec';
import { eventually } from './testing';
import { controlWire, receivedEntry, receiverMessage, receiverWire } from './wire';

// a busy machine is slow, and none of this is about speed
jest.setTimeout(30_000);

const SELF = 'cpns://td.example/service/cpns-server';
const GATEWAY = 'cpns://pn1.td.example/pn-gw/gw1';

/** How the two ends of `OpenDeliveryChannel` are put together; entries here are revocations of tokens. */
const senderCodec: SenderCodec<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse> = {
  receive: receiverMessage,
  send: (_, { sequence, entryId, value }) => ({
    sequence,
    entryId,
    traceparent: '',
    entry: { $case: 'tokenRevocation', value: { tokenId: value.toString('utf8'), entity: '' } },
  }),
  control: (said) => ({ traceparent: '', ...controlWire(said) }),
};
const receiverCodec: ReceiverCodec<OpenDeliveryChannelResponse, OpenDeliveryChannelRequest> = {
  send: receiverWire,
  read: (response) => receivedEntry(response),
};

describe('delivery over gRPC', () => {
  const pki = new TestPki();
  const [serverTls, gatewayTls] = [pki.server(SELF), pki.client(GATEWAY)];
  const quiet = new MemoryLog();
  let temporary: TemporaryStore;
  let log: DeliveryLog;
  let sender: PeerSenders<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
  let position: Position;
  let port: ServerPort;
  let connection: Connection;
  let stop: AbortController;
  let running: Promise<void>;
  let client: DeliveryClient<OpenDeliveryChannelResponse, OpenDeliveryChannelRequest>;
  const arrivals: string[] = [];
  const failures: unknown[] = [];
  const states: ClientState[] = [];

  const startPort = async (listen: string) => {
    port = createServerPort({
      listen,
      tls: serverTls,
      clients: 'certificate',
      identify: identifyByName,
      services: [
        implement(
          { open: GroupKeyDeliveryServiceService.openDeliveryChannel },
          { open: (call) => sender.serve({ uri: GATEWAY, fingerprint: Buffer.alloc(32) }, call) },
        ),
      ],
      logger: quiet.logger,
    });
    await port.start();
  };

  const startSender = async () =>
    new PeerSenders({
      records: await recordsOn(temporary.store),
      store: temporary.store,
      logOf: () => log,
      lifeOf: () => Promise.resolve(''),
      codec: senderCodec,
      window: 8,
      onLoss: () => undefined,
      onSnapshot: () => undefined,
    });

  beforeEach(async () => {
    [arrivals, failures, states].forEach((list) => list.splice(0));
    temporary = await temporaryStore();
    position = BEGINNING;
    log = new DeliveryLog(temporary.store, { kind: 'gateway', id: GATEWAY }, 'delivery');
    sender = await startSender();
    await startPort('127.0.0.1:0');
    connection = connectTo({ address: port.address, tls: gatewayTls, expectedPeer: SELF });
    stop = new AbortController();
    client = new DeliveryClient({
      codec: receiverCodec,
      open: () => connection.client(GroupKeyDeliveryServiceService).openDeliveryChannel(),
      position: () => Promise.resolve(position),
      handle: ({ entry }, at) => {
        position = at;
        arrivals.push(entry?.$case === 'tokenRevocation' ? entry.value.tokenId : 'another');
        return Promise.resolve();
      },
      onFailure: (error) => failures.push(error),
      onState: (state) => states.push(state),
      backoff: { first: 20, longest: 200 },
    });
    running = client.run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
    connection.close();
    await port.stop(100);
    await temporary.dispose();
  });

  const append = async (from: number, to: number) => {
    for (let n = from; n <= to; n++) await log.append(`${n}`, Buffer.from(`token-${n}`));
  };
  const arrived = async (count: number) => {
    await eventually(async () => expect((await log.read(0n, 1)).trimmedTo).toBe(BigInt(count)));
    expect(arrivals).toEqual(Array.from({ length: count }, (_, index) => `token-${index + 1}`));
    expect(await log.read(0n, 1)).toMatchObject({ entries: [], trimmedTo: BigInt(count), last: BigInt(count) });
  };

  it('delivers what is there and what comes', async () => {
    await append(1, 20);
    await arrived(20);
    await append(21, 25);
    await arrived(25);
    expect(client.connected).toBe(true);
    expect(failures).toEqual([]);
  });

  it('goes on after the sender ended the channel, whose reason the receiver sees', async () => {
    await append(1, 5);
    await arrived(5);
    sender.stop();
    sender = await startSender();
    await append(6, 10);
    await arrived(10);
    expect(failures[0]).toMatchObject({ name: 'CpnsError', reason: 'SHUTTING_DOWN' });
  });

  it('goes on after the service stopped and started again', async () => {
    await append(1, 5);
    await arrived(5);
    const { address } = port;
    sender.stop();
    await port.stop(100);
    await append(6, 10);
    sender = await startSender();
    await startPort(address);
    await arrived(10);
    expect(states.filter((state) => state === 'connected').length).toBeGreaterThan(1);
  });

  it('frees the sender when the receiver goes away', async () => {
    await append(1, 1);
    await arrived(1);
    expect(sender.size).toBe(1);
    stop.abort();
    await running;
    await eventually(() => expect(sender.size).toBe(0));
  });
});
