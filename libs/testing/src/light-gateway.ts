import {
  GroupKeyDeliveryServiceService,
  ServiceGroupNoticeServiceService,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { BEGINNING, received, receivedEntry, type Received, type ReceiverMessage, receiverWire } from '@cpns/delivery';
import { connectTo, type ClientTls, type Connection, type TwoWayStream } from '@cpns/grpc';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment';
import type { GatewaySpec } from './deployment-options';
import { enrolGateway } from './enrol-gateway';
import type { ServerSideService } from './pki-files';

/** What both channels of a gateway are made of. */
type Channel<Entry> = TwoWayStream<ReturnType<typeof receiverWire>, Entry>;

const REOPEN_MS = 200;

/**
 * A PN GW without a process: enrolled by the running CPNS Server like any other, and known to a tool that needs many, or
 * the connection of one. It acknowledges what it is sent and keeps nothing.
 */
export class LightGateway {
  readonly #connections: Connection[] = [];
  readonly #processId = randomBytes(16);
  #closed = false;

  private constructor(
    private readonly deployment: Deployment,
    /** E */
    readonly uri: string,
    private readonly tls: ClientTls,
  ) {}

  static async enrol(deployment: Deployment, gateway: GatewaySpec): Promise<LightGateway> {
    const { uri, tls } = await enrolGateway(deployment, gateway);
    return new LightGateway(deployment, uri, tls);
  }

  /** One that was enrolled otherwise, whose keys the caller holds. */
  static of(deployment: Deployment, { uri, tls }: { readonly uri: string; readonly tls: ClientTls }): LightGateway {
    return new LightGateway(deployment, uri, tls);
  }

  /** To a service of its deployment, or to whatever shows that service's certificate at another address. */
  connect(service: ServerSideService, address = this.deployment.address(service, 'certificate')): Connection {
    const connection = connectTo({ address, expectedPeer: this.deployment.uri(service), tls: this.tls });
    this.#connections.push(connection);
    return connection;
  }

  /**
   * Holds a delivery channel open, and opens it again when it ends because something does not answer; `acknowledged` is
   * called with each entry, and each end of a snapshot, once its acknowledgement is on its way.
   * @param pauseMs before each message but the first is read, milliseconds
   * @returns rejects when the channel ends otherwise, or by {@link close}
   */
  holdDeliveries(
    server: Connection,
    acknowledged: (entry: OpenDeliveryChannelResponse) => void,
    pauseMs = 0,
  ): Promise<never> {
    const { openDeliveryChannel } = server.client(GroupKeyDeliveryServiceService);
    const read = (response: OpenDeliveryChannelResponse) =>
      receivedEntry(response, response.entry?.$case === 'groupKey' && response.entry.value.more);
    return this.#hold(() => openDeliveryChannel(), read, acknowledged, pauseMs);
  }

  /** Holds a notice channel open, as {@link holdDeliveries}. */
  holdNotices(smf: Connection): Promise<never> {
    const { openNoticeChannel } = smf.client(ServiceGroupNoticeServiceService);
    return this.#hold(() => openNoticeChannel(), received);
  }

  /** Ends its connections, and the channels with them. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
  }

  async #hold<Entry>(
    open: () => Channel<Entry>,
    read: (response: Entry) => Received,
    acknowledged: (entry: Entry) => void = () => undefined,
    pauseMs = 0,
  ): Promise<never> {
    let position = BEGINNING;
    for (;;) {
      try {
        const channel = open();
        const say = (said: ReceiverMessage) => channel.write(receiverWire(said));
        await say({ kind: 'opening', opening: { position, processId: this.#processId, resynchronise: false } });
        for await (const response of channel) {
          if (pauseMs > 0) await sleep(pauseMs);
          const is = read(response);
          if (is.kind === 'state') await say({ kind: 'alive' });
          if (!('position' in is) || (is.kind === 'entry' && is.more)) continue;
          await say({ kind: 'acknowledge', position: is.position });
          position = is.position;
          acknowledged(response);
        }
        throw new Error('a channel was ended by the service');
      } catch (error) {
        if (this.#closed || !(error instanceof CpnsError) || error.code !== 'UNAVAILABLE') throw error;
        await sleep(REOPEN_MS);
      }
    }
  }
}
