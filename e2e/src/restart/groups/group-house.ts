/** A house with all services, and devices behind two gateways that are members of one fresh group after the other. */
import type { GroupKeyDelivery } from '@cpns/contracts';
import { deriveGroupKeyCommitment } from '@cpns/group-key';
import { KMC, SMF } from '../due';
import { House, MAIN_GATEWAY, PN } from '../house';
import { DeviceProcess } from './device-process';
import { provisionMember, type Member } from './member';
import { Sight } from './sight';

/** Of a network of its own. It hears of everything, and is never killed itself. */
export const OTHER_GATEWAY = 'pn2/gw1';
export const GATEWAYS = [MAIN_GATEWAY, OTHER_GATEWAY] as const;

/** The devices in this process, by what they are in the flows. `afar` is behind the other gateway. */
export type Part = 'stayer' | 'mover' | 'afar';

export class GroupHouse {
  private constructor(
    readonly house: House,
    readonly sight: Sight,
    private readonly seen: SeenCommitments,
    readonly members: Readonly<Record<Part, Member>>,
    readonly device: DeviceProcess,
  ) {}

  /** @param redis URL, where the Server side is on Redis */
  static async start(redis?: string): Promise<GroupHouse> {
    const house = await House.start(redis, { services: [KMC, SMF], gateways: [{ pn: 'pn2', id: 'gw1' }] });
    try {
      return await GroupHouse.#furnish(house);
    } catch (error) {
      await house.stop();
      throw error;
    }
  }

  static async #furnish(house: House): Promise<GroupHouse> {
    const { deployment } = house;
    const sight = new Sight(deployment, GATEWAYS);
    const seen = new SeenCommitments();
    const onDelivery = (delivery: GroupKeyDelivery) => seen.note(delivery);
    const main = (id: string) => provisionMember(deployment, { id, pn: PN, gateway: MAIN_GATEWAY, onDelivery });
    const stayer = await main('stayer');
    const mover = await main('mover');
    const afar = await provisionMember(deployment, { id: 'afar', pn: 'pn2', gateway: OTHER_GATEWAY, onDelivery });
    const device = await DeviceProcess.provision(house);
    return new GroupHouse(house, sight, seen, { stayer, mover, afar }, device);
  }

  /** E */
  entity(part: Part | 'device'): string {
    return part === 'device' ? this.device.entity : this.members[part].entity;
  }

  /**
   * GKC of a version wherever it can be seen, in hex: the KMC's key, the Server, the gateways, and every delivery to a
   * device here.
   */
  async commitments(groupId: string, version: bigint): Promise<ReadonlySet<string>> {
    const all = new Set(this.seen.of(groupId, version));
    for (const { version: one, groupKey } of await this.sight.kmcVersions(groupId, version))
      if (one === version && groupKey !== undefined)
        all.add(deriveGroupKeyCommitment(groupKey, groupId, version).toString('hex'));
    const stated = (await this.sight.commitments(groupId)).get(version);
    if (stated !== undefined) all.add(stated);
    for (const gateway of GATEWAYS)
      for (const statement of (await this.sight.gateway(gateway, groupId))?.statements ?? [])
        if (statement.version === version) all.add(statement.commitment.toString('hex'));
    return all;
  }

  async stop(): Promise<void> {
    try {
      for (const member of Object.values(this.members)) await member.local.close();
    } finally {
      await this.house.stop();
    }
  }
}

/** What deliveries to devices here said, kept whether or not it was believed. */
class SeenCommitments {
  readonly #seen = new Map<string, Set<string>>();

  note({ statement }: GroupKeyDelivery): void {
    if (statement === undefined || statement.commitment.length === 0) return;
    const name = nameOf(statement.groupId, statement.version);
    const seen = this.#seen.get(name) ?? new Set();
    this.#seen.set(name, seen.add(statement.commitment.toString('hex')));
  }

  of(groupId: string, version: bigint): ReadonlySet<string> {
    return this.#seen.get(nameOf(groupId, version)) ?? new Set();
  }
}

const nameOf = (groupId: string, version: bigint): string => `${groupId}/${version}`;
