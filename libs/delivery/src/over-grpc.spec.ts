import {
  GroupKeyDeliveryServiceService,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { connectTo, createServerPort, implement, type Connection, type ServerPort } from '@cpns/grpc';
import { identifyByName, TestPki } from '@cpns/grpc/testing';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { DeliveryClient, type ClientState } from './delivery-client';
import { DeliveryLog } from './delivery-log';
import type { ReceiverCodec } from './receive';
import { DeliverySender, type SenderCodec } from './sender';
import { eventually } from './testing';
import { receiverMessage } from './wire';

// a busy machine is slow, and none of this is about speed
jest.setTimeout(30_000);

const SELF = 'cpns://td.example/service/cpns-server';
const GATEWAY = 'cpns://pn1.td.example/pn-gw/gw1';

/** How the two ends of `OpenDeliveryChannel` are put together; entries here are revocations of tokens. */
const senderCodec: SenderCodec<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse> = {
  receive: receiverMessage,
  send: ({ sequence, value }) => ({
    sequence,
    traceparent: '',
    entry: { $case: 'tokenRevocation', value: { tokenId: value.toString('utf8'), entity: '' } },
  }),
};
const receiverCodec: ReceiverCodec<OpenDeliveryChannelResponse, OpenDeliveryChannelRequest> = {
  send: (message) =>
    message.kind === 'opening'
      ? { message: { $case: 'opening', value: { lastSequence: message.lastSequence } } }
      : { message: { $case: 'acknowledge', value: message.sequence } },
  sequenceOf: ({ sequence }) => sequence,
};

describe('delivery over gRPC', () => {
  const pki = new TestPki();
  const [serverTls, gatewayTls] = [pki.server(SELF), pki.client(GATEWAY)];
  const quiet = new MemoryLog();
  let temporary: TemporaryStore;
  let log: DeliveryLog;
  let sender: DeliverySender<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
  let port: ServerPort;
  let connection: Connection;
  let stop: AbortController;
  let running: Promise<void>;
  let client: DeliveryClient<OpenDeliveryChannelResponse, OpenDeliveryChannelRequest>;
  const received: string[] = [];
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
          { open: (call) => sender.serve(log, call) },
        ),
      ],
      logger: quiet.logger,
    });
    await port.start();
  };

  beforeEach(async () => {
    [received, failures, states].forEach((list) => list.splice(0));
    temporary = await temporaryStore();
    log = new DeliveryLog(temporary.store, { kind: 'gateway', id: GATEWAY }, 'delivery');
    sender = new DeliverySender(senderCodec, { window: 8 });
    await startPort('127.0.0.1:0');
    connection = connectTo({ address: port.address, tls: gatewayTls, expectedPeer: SELF });
    stop = new AbortController();
    client = new DeliveryClient({
      codec: receiverCodec,
      open: () => connection.client(GroupKeyDeliveryServiceService).openDeliveryChannel(),
      lastSequence: () => Promise.resolve(BigInt(received.length)),
      handle: ({ entry }) => {
        received.push(entry?.$case === 'tokenRevocation' ? entry.value.tokenId : 'another');
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
    expect(received).toEqual(Array.from({ length: count }, (_, index) => `token-${index + 1}`));
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
    sender.end(log, new CpnsError('DEPENDENCY_UNAVAILABLE', 'try again'));
    await append(6, 10);
    await arrived(10);
    expect(failures).toEqual([expect.objectContaining({ name: 'CpnsError', reason: 'DEPENDENCY_UNAVAILABLE' })]);
  });

  it('goes on after the service stopped and started again', async () => {
    await append(1, 5);
    await arrived(5);
    const { address } = port;
    sender.stop(new CpnsError('SHUTTING_DOWN', 'stopping'));
    await port.stop(100);
    await append(6, 10);
    sender = new DeliverySender(senderCodec, { window: 8 });
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
