import {
  GroupKeyDeliveryServiceService,
  type GatewayGroupKeyDelivery,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { connectTo, type ClientMethods, type Connection, type TwoWayStream } from '@cpns/grpc';
import { waitUntil, type Deployment } from '@cpns/testing';
import type { TestGateway } from '@cpns/testing/bad-input';

const SERVER = 'cpns-server';

/**
 * What passes on the link between the CPNS Server and a Personal Network: a gateway of that network, enrolled like any
 * other, that keeps every Group Key delivery that it is sent or that it pulls.
 */
export class LinkTap {
  readonly deliveries: GatewayGroupKeyDelivery[] = [];
  readonly #connection: Connection;
  readonly #rpc: ClientMethods<typeof GroupKeyDeliveryServiceService>;
  readonly #channel: TwoWayStream<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
  readonly #reading: Promise<void>;
  #over = false;
  #failure: unknown;

  private constructor(deployment: Deployment, gateway: TestGateway) {
    this.#connection = connectTo({
      address: deployment.address(SERVER, 'certificate'),
      expectedPeer: deployment.uri(SERVER),
      tls: gateway.tls,
    });
    this.#rpc = this.#connection.client(GroupKeyDeliveryServiceService);
    this.#channel = this.#rpc.openDeliveryChannel();
    this.#reading = this.#read().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** Opens the gateway's delivery channel, from the beginning, and keeps what comes. */
  static async open(deployment: Deployment, gateway: TestGateway): Promise<LinkTap> {
    const tap = new LinkTap(deployment, gateway);
    await tap.#channel.write({ message: { $case: 'opening', value: { lastSequence: 0n } } });
    return tap;
  }

  /** Pulls the newest version for all members behind the gateway. @returns false when there are none */
  async pull(groupId: string): Promise<boolean> {
    try {
      const { delivery } = await this.#rpc.pullGroupKey({ groupId, version: 0n, entity: '' });
      if (delivery === undefined) throw new Error('the Server answered without a delivery');
      this.deliveries.push(delivery);
      return true;
    } catch (error) {
      if (error instanceof CpnsError && error.reason === 'NOT_A_MEMBER') return false;
      throw error;
    }
  }

  /** Of one group and version, in the order in which they came. */
  of(groupId: string, version: bigint): GatewayGroupKeyDelivery[] {
    return this.deliveries.filter(({ statement }) => statement?.groupId === groupId && statement.version === version);
  }

  /** The first delivery that fits, as soon as it is there. @throws Error when it does not come, or the channel ended */
  waitFor(what: string, fits: (delivery: GatewayGroupKeyDelivery) => boolean): Promise<GatewayGroupKeyDelivery> {
    return waitUntil(what, () => {
      if (this.#failure !== undefined) throw new Error('the delivery channel ended', { cause: this.#failure });
      return this.deliveries.find(fits);
    });
  }

  /** @throws what ended the channel before, if anything did */
  async close(): Promise<void> {
    this.#over = true;
    this.#channel.cancel();
    await this.#reading;
    this.#connection.close();
    if (this.#failure !== undefined) throw new Error('the delivery channel ended', { cause: this.#failure });
  }

  async #read(): Promise<void> {
    try {
      for await (const { sequence, entry } of this.#channel) {
        if (entry?.$case === 'groupKey') this.deliveries.push(entry.value);
        await this.#channel.write({ message: { $case: 'acknowledge', value: sequence } });
      }
    } catch (error) {
      if (!this.#over) throw error;
    }
  }
}
