import { GroupKeyDeliveryServiceService, type GatewayGroupKeyDelivery } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import type { ClientMethods } from '@cpns/grpc';
import { waitUntil, type LightGateway } from '@cpns/testing';

/**
 * What passes on the link between the CPNS Server and a Personal Network: a gateway of that network, enrolled like any
 * other, that keeps every Group Key delivery that it is sent or that it pulls.
 */
export class LinkTap {
  readonly deliveries: GatewayGroupKeyDelivery[] = [];
  readonly #rpc: ClientMethods<typeof GroupKeyDeliveryServiceService>;
  readonly #reading: Promise<void>;
  #over = false;
  #failure: unknown;

  /** Opens the gateway's delivery channel, from the beginning, and keeps what comes. */
  constructor(private readonly gateway: LightGateway) {
    const server = gateway.connect('cpns-server');
    this.#rpc = server.client(GroupKeyDeliveryServiceService);
    this.#reading = gateway
      .holdDeliveries(server, ({ entry }) => {
        if (entry?.$case === 'groupKey') this.deliveries.push(entry.value);
      })
      .catch((error: unknown) => {
        if (!this.#over) this.#failure = error;
      });
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

  /** The first delivery that fits, as soon as it is there. @throws Error when it does not come, or the channel ended */
  waitFor(what: string, fits: (delivery: GatewayGroupKeyDelivery) => boolean): Promise<GatewayGroupKeyDelivery> {
    return waitUntil(what, () => {
      this.#assertOpen();
      return this.deliveries.find(fits);
    });
  }

  /** @throws what ended the channel before, if anything did */
  async close(): Promise<void> {
    this.#over = true;
    this.gateway.close();
    await this.#reading;
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#failure !== undefined) throw new Error('the delivery channel ended', { cause: this.#failure });
  }
}
