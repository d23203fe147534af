/**
 * Four Personal Networks with a gateway each, forty devices in this process, and an ear on each gateway's link.
 */
import { type GatewayGroupKeyDelivery, GroupKeyDeliveryServiceService, NO_PAGE } from '@cpns/contracts';
import { CpnsError, forEach } from '@cpns/core';
import type { ClientMethods } from '@cpns/grpc';
import { Deployment, LightGateway, waitUntil } from '@cpns/testing';
import { inOrder, Participant } from './participant';

/**
 * What passes on the link between the CPNS Server and a Personal Network: a gateway of that network, enrolled like any
 * other, that keeps every Group Key delivery that it is sent or that it pulls.
 */
class LinkTap {
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
      const { delivery } = await this.#rpc.pullGroupKey({ groupId, version: 0n, entity: '', ...NO_PAGE });
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

export const PNS = ['pn1', 'pn2', 'pn3', 'pn4'] as const;
export const DEVICES = 40;

/** How many devices are provisioned at once. */
const AT_ONCE = 8;

export class Community {
  /** The ear on the link of each network's gateway. */
  readonly taps = new Map<string, LinkTap>();
  readonly #participants: Participant[] = [];

  private constructor(readonly deployment: Deployment) {}

  static async start(redisUrl?: string): Promise<Community> {
    const store = redisUrl === undefined ? 'embedded' : { redis: redisUrl };
    return new Community(await Deployment.start({ logLevel: 'warn', store }));
  }

  /** Adds the networks and their devices. */
  async grow(): Promise<void> {
    // one after the other: a machine with few cores starts them no sooner at once
    for (const pn of PNS) {
      await this.deployment.addGateway({ pn, id: 'gw' });
      this.taps.set(pn, new LinkTap(await LightGateway.enrol(this.deployment, { pn, id: 'ear' })));
    }
    await forEach(Array.from(Array(DEVICES).keys()), (index) => this.#add(index), AT_ONCE);
  }

  get participants(): readonly Participant[] {
    return inOrder(this.#participants);
  }

  get groups() {
    return this.deployment.operator.groups;
  }

  async stop(): Promise<void> {
    for (const each of [...this.participants, ...this.taps.values()]) await each.close();
    await this.deployment.stop();
  }

  /** Each network has devices with every kind of key: of either form, from either assigner. */
  async #add(index: number): Promise<void> {
    const pn = PNS[index % PNS.length]!;
    const gateway = `${pn}/gw`;
    const kind = Math.floor(index / PNS.length) % 4;
    const admission = {
      entity: this.deployment.entity(pn, 'pne', `device-${index + 1}`),
      form: kind < 2 ? 'secret' : 'key-pair',
      assigner: kind % 2 === 0 ? 'server' : gateway,
      gateway,
    } as const;
    this.#participants.push(await Participant.provision(this.deployment, pn, admission));
  }
}
