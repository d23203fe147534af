/** Four Personal Networks with a gateway each, forty devices in this process, and an ear on each gateway's link. */
import { forEach } from '@cpns/core';
import { Deployment, LightGateway } from '@cpns/testing';
import { LinkTap } from '../support/link-tap';
import { inOrder, Participant } from './participant';

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
