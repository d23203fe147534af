/** Four Personal Networks with a gateway each, forty devices in this process, and an ear on each gateway's link. */
import { forEach } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';
import { Deployment, LightGateway } from '@cpns/testing';
import { LinkTap } from '../support/link-tap';
import { Participant } from './participant';

export const PNS = ['pn1', 'pn2', 'pn3', 'pn4'] as const;
export const DEVICES = 40;

/** By form and assigner: every kind of key that a member can have. */
const KINDS: readonly (readonly [form: KeyForm, assigner: 'server' | 'gateway'])[] = [
  ['secret', 'server'],
  ['secret', 'gateway'],
  ['key-pair', 'server'],
  ['key-pair', 'gateway'],
];

/** How many devices are provisioned at once. */
const AT_ONCE = 8;

export class Community {
  /** The ear on the link of each network's gateway. */
  readonly taps = new Map<string, LinkTap>();
  readonly #participants = new Map<string, Participant>();

  private constructor(readonly deployment: Deployment) {}

  static async start(redisUrl?: string): Promise<Community> {
    const deployment = await Deployment.start({
      logLevel: 'warn',
      ...(redisUrl === undefined ? {} : { store: { redis: redisUrl } }),
    });
    const community = new Community(deployment);
    try {
      // one after the other: a machine with few cores starts them no sooner at once
      for (const pn of PNS) {
        await deployment.addGateway({ pn, id: 'gw' });
        community.taps.set(pn, new LinkTap(await LightGateway.enrol(deployment, { pn, id: 'ear' })));
      }
      await forEach(Array.from(Array(DEVICES).keys()), (index) => community.#add(index), AT_ONCE);
      return community;
    } catch (error) {
      await community.stop();
      throw error;
    }
  }

  get groups() {
    return this.deployment.operator.groups;
  }

  /** E of each device, in an order that does not depend on which was ready first. */
  get entities(): readonly string[] {
    return [...this.#participants.keys()].sort();
  }

  get participants(): readonly Participant[] {
    return [...this.#participants.values()];
  }

  participant(entity: string): Participant {
    const found = this.#participants.get(entity);
    if (found === undefined) throw new Error(`no device ${entity}`);
    return found;
  }

  async stop(): Promise<void> {
    for (const each of [...this.participants, ...this.taps.values()]) await each.close();
    await this.deployment.stop();
  }

  async #add(index: number): Promise<void> {
    const pn = PNS[index % PNS.length]!;
    const gateway = `${pn}/gw`;
    const [form, assigner] = KINDS[Math.floor(index / PNS.length) % KINDS.length]!;
    const entity = this.deployment.entity(pn, 'pne', `device-${index + 1}`);
    const admission = { entity, form, gateway, assigner: assigner === 'server' ? 'server' : gateway };
    this.#participants.set(entity, await Participant.provision(this.deployment, pn, admission));
  }
}
