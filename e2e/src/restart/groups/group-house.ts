/** A house with all services, and devices behind two gateways that are members of one fresh group after the other. */
import { deriveGroupKeyCommitment } from '@cpns/group-key';
import { waitUntil, type Device, type DeviceAnswer, type DeviceCommand, type DeviceSession } from '@cpns/testing';
import { admitLocally, type LocalDevice } from '../../support/local-device';
import { KMC, SMF } from '../due';
import { House, MAIN_GATEWAY, PATIENCE_MS, type HouseOptions } from '../house';
import { Sight } from './sight';

export const GATEWAYS = [MAIN_GATEWAY, 'pn2/gw1'] as const;

/** The devices in this process, by what they are in the flows, and the gateway that each is behind. */
const GATEWAY_OF = { stayer: MAIN_GATEWAY, mover: MAIN_GATEWAY, afar: 'pn2/gw1' } as const;
export type Part = keyof typeof GATEWAY_OF;

/** What a gateway, or the Server behind it, says while it is away. */
const PASSING = ['DEPENDENCY_UNAVAILABLE', 'DEADLINE', 'CONFLICT'];

/** A device in this process, which watches all the time. */
interface Member {
  /** E */
  readonly entity: string;
  readonly gateway: string;
  readonly local: LocalDevice;
}

export class GroupHouse extends House {
  readonly sight = new Sight(this.deployment, GATEWAYS);
  readonly members = {} as Record<Part, Member>;
  /** GKC of each `<group>/<version>` that deliveries to devices here said, in hex, whether or not it was believed. */
  readonly #seen = new Map<string, Set<string>>();
  #device: Device | undefined;
  #session: DeviceSession | undefined;

  static override async start({ redis }: HouseOptions): Promise<GroupHouse> {
    const options = { redis, services: [KMC, SMF], gateways: [{ pn: 'pn2', id: 'gw1' }] } as const;
    const house = new GroupHouse(options, ...(await House.build(options)));
    try {
      for (const part of Object.keys(GATEWAY_OF) as Part[]) house.members[part] = await house.#provision(part);
      const wanted = house.newDevice('secret', 'server');
      house.#device = await house.deployment.prepareDevice(wanted);
      await house.openDevice();
      return house;
    } catch (error) {
      await house.stop();
      throw error;
    }
  }

  get groups() {
    return this.deployment.operator.groups;
  }

  /** E */
  entity(part: Part): string {
    return this.members[part].entity;
  }

  /** The device that is a process of its own, and may be killed. */
  get device(): Device {
    if (this.#device === undefined) throw new Error('the device was not prepared');
    return this.#device;
  }

  /** Starts it. The command that its death interrupted is the first that it does, and its answer is not read. */
  async openDevice(): Promise<void> {
    this.#session = await this.device.open();
  }

  /** Has it do something until it is done. @throws Error with the reason of a refusal that trying again is no answer to */
  tell<C extends DeviceCommand>(command: C) {
    type Done = Extract<DeviceAnswer<C['command']>, { readonly ok: true }>;
    const what = `an answer to ${command.command}`;
    const ask = async (): Promise<Done | undefined> => {
      const answer: DeviceAnswer<C['command']> | undefined = await this.#session?.command(command);
      if (answer === undefined || answer.ok) return answer;
      if (PASSING.includes(answer.reason)) return undefined;
      throw new Error(`the device was refused ${command.command}: ${answer.reason}: ${answer.message}`);
    };
    return waitUntil(what, ask, { withinMs: PATIENCE_MS });
  }

  /**
   * GKC of a version wherever it can be seen, in hex: the KMC's key, the Server, the gateways, and every delivery to a
   * device here.
   */
  async commitments(groupId: string, version: bigint): Promise<ReadonlySet<string>> {
    const all = new Set(this.#seen.get(`${groupId}/${version}`));
    for (const { version: one, groupKey } of await this.sight.kmcVersions(groupId, version))
      if (one === version && groupKey !== undefined)
        all.add(deriveGroupKeyCommitment(groupKey, groupId, version).toString('hex'));
    const stated = [...(await this.sight.stated(groupId))];
    for (const gateway of GATEWAYS)
      for (const { statement } of (await this.sight.gateway(gateway, groupId))?.statements ?? [])
        stated.push(statement);
    for (const one of stated) if (one.version === version) all.add(one.commitment.toString('hex'));
    return all;
  }

  override async stop(): Promise<void> {
    try {
      for (const { local } of Object.values(this.members)) await local.close();
    } finally {
      await super.stop();
    }
  }

  async #provision(part: Part): Promise<Member> {
    const gateway = GATEWAY_OF[part];
    const entity = this.deployment.entity(gateway.slice(0, 3), 'pne', part);
    const admission = { entity, form: 'secret', assigner: 'server', gateway } as const;
    const { local, oneTimeString } = await admitLocally(this.deployment, admission, {
      onGroupKeyDelivery: ({ statement }) => {
        if (statement === undefined || statement.commitment.length === 0) return;
        const name = `${statement.groupId}/${statement.version}`;
        this.#seen.set(name, (this.#seen.get(name) ?? new Set()).add(statement.commitment.toString('hex')));
      },
    });
    return { entity, gateway, local: (await local.enrol(oneTimeString, PATIENCE_MS)).watch() };
  }
}
