/** Four Personal Networks with a gateway each, forty devices in this process, and an ear on each gateway's link. */
import type { KeyForm } from '@cpns/key-derivation';
import { Deployment } from '@cpns/testing';
import { join } from 'node:path';
import { LinkTap } from '../support/link-tap';
import { TestGateway } from '@cpns/testing/bad-input';
import { Participant } from './participant';

export const PNS = ['pn1', 'pn2', 'pn3', 'pn4'] as const;
export const DEVICES = 40;
const GATEWAY_ID = 'gw';

/** By form and assigner: every kind of key that a member can have. */
const KINDS: readonly { readonly form: KeyForm; readonly assigner: 'server' | 'gateway' }[] = [
  { form: 'secret', assigner: 'server' },
  { form: 'secret', assigner: 'gateway' },
  { form: 'key-pair', assigner: 'server' },
  { form: 'key-pair', assigner: 'gateway' },
];

/** How many devices are provisioned at once. */
const AT_ONCE = 8;

export class Community {
  readonly #gateways: TestGateway[] = [];
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
        await deployment.addGateway({ pn, id: GATEWAY_ID });
        await community.#tap(pn);
      }
      await community.#provision();
      return community;
    } catch (error) {
      await community.stop();
      throw error;
    }
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

  /** The ear on the link of a device's gateway. */
  tapOf({ pn }: Participant): LinkTap {
    const tap = this.taps.get(pn);
    if (tap === undefined) throw new Error(`no tap in ${pn}`);
    return tap;
  }

  async stop(): Promise<void> {
    for (const participant of this.participants) await participant.close();
    for (const tap of this.taps.values()) await tap.close();
    for (const gateway of this.#gateways) gateway.close();
    await this.deployment.stop();
  }

  async #tap(pn: string): Promise<void> {
    const gateway = await TestGateway.enrol(this.deployment, pn, 'ear');
    this.#gateways.push(gateway);
    this.taps.set(pn, await LinkTap.open(this.deployment, gateway));
  }

  async #provision(): Promise<void> {
    const wanted = Array.from({ length: DEVICES }, (_, index) => index);
    const worker = async () => {
      for (let index = wanted.shift(); index !== undefined; index = wanted.shift()) await this.#add(index);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async #add(index: number): Promise<void> {
    const pn = PNS[index % PNS.length]!;
    const gateway = `${pn}/${GATEWAY_ID}`;
    const { form, assigner } = KINDS[Math.floor(index / PNS.length) % KINDS.length]!;
    const entity = this.deployment.entity(pn, 'pne', `device-${index + 1}`);
    const { oneTimeString } = await this.deployment.admit({
      entity,
      form,
      gateway,
      assigner: assigner === 'server' ? 'server' : gateway,
    });
    const participant = await Participant.provision({
      entity,
      pn,
      directory: join(this.deployment.directory, 'participants', String(index + 1)),
      certificateAddress: this.deployment.address(gateway, 'certificate'),
      oneTimeString,
    });
    this.#participants.set(entity, participant);
  }
}
