/**
 * Service Groups behind the hostile gateway: it serves devices of the SDK as their PN GW, over real ports, and holds the
 * Entity-User Keys of those that it assigned itself.
 */
import type { GroupKeyDelivery } from '@cpns/contracts';
import { LightGateway, type NewGroup } from '@cpns/testing';
import { join } from 'node:path';
import { sealSecretRegistration } from '@cpns/testing/bad-input';
import { LinkTap } from '../support/link-tap';
import { LocalDevice } from '../support/local-device';
import { ServedGateway } from '../support/served-gateway';
import { GroupMember, type Behind } from '../support/group-member';
import { Scene } from './scene';

type Assigner = 'server' | 'hostile';

export class GroupScene extends Scene {
  readonly #devices: LocalDevice[] = [];
  /** Devices in no group that anything is tried on now: a device serves one attempt after the other. */
  readonly #known: Readonly<Record<Assigner, Behind[]>> = { server: [], hostile: [] };
  readonly #bystanders: Partial<Record<Assigner, Promise<GroupMember>>> = {};
  #groups = 0;
  /** What the hostile gateway's delivery channel brings. */
  readonly #entries = new LinkTap(new LightGateway(this.deployment, this.hostile.uri, this.hostile.tls));

  private constructor(
    readonly served: ServedGateway,
    ...parts: Awaited<ReturnType<typeof Scene.build>>
  ) {
    super(...parts);
  }

  static override async start(): Promise<GroupScene> {
    const parts = await Scene.build({});
    const [deployment, hostile] = parts;
    return new GroupScene(await ServedGateway.start(deployment, hostile), ...parts);
  }

  get operator() {
    return this.deployment.operator.groups;
  }

  /** A device that the Server, or the hostile gateway itself, gave its key to; none of those that are given. */
  async device(assigner: Assigner = 'server', others: readonly string[] = []): Promise<Behind> {
    const known = this.#known[assigner];
    const found = known.find(({ entity }) => !others.includes(entity)) ?? (await this.#newDevice(assigner));
    if (!known.includes(found)) known.push(found);
    return found;
  }

  async #newDevice(assigner: Assigner): Promise<Behind> {
    const local = await LocalDevice.create(
      join(this.deployment.directory, 'behind', String(this.#devices.length)),
      // these devices hold secrets: none of them calls a certificate port
      this.served.address,
    );
    this.#devices.push(local);
    await (assigner === 'server' ? this.#assignedByServer(local) : this.#assignedHere(local));
    const { entity, secret, keyId } = await local.liveKey();
    return { entity, local, secret, keyId };
  }

  /** A group of its own for each attempt. @returns its id */
  async group(members: readonly Behind[], options: Partial<NewGroup> = {}): Promise<string> {
    const groupId = `group-${++this.#groups}`;
    const entities = members.map(({ entity }) => entity);
    await this.operator.createGroup({ groupId, delivery: 'pull', members: entities, ...options });
    return groupId;
  }

  /** A member of a group of its own. */
  async member(options: { readonly assigner?: Assigner } & Partial<NewGroup> = {}): Promise<GroupMember> {
    const { assigner, ...group } = options;
    const device = await this.device(assigner);
    return new GroupMember(this, device, await this.group([device], group));
  }

  /** A member that nothing is tried on: what an attempt leaves out. */
  bystander(assigner: Assigner = 'server'): Promise<GroupMember> {
    return (this.#bystanders[assigner] ??= this.member({ assigner }));
  }

  /** A device that is no member. */
  async stranger(groupId: string): Promise<Behind> {
    const { members } = await this.operator.getGroup(groupId);
    return this.device('server', members);
  }

  /** The next version: another device is let in. */
  async nextVersion(groupId: string): Promise<Behind> {
    const device = await this.stranger(groupId);
    await this.operator.addMembers(groupId, [device.entity]);
    return device;
  }

  /** Deletes a group. @returns what the Server says of it, for a member */
  async endOf(groupId: string): Promise<GroupKeyDelivery> {
    await this.operator.deleteGroup(groupId);
    const { statement } = await this.#entries.waitFor(
      `the end of ${groupId}`,
      (delivery) => delivery.statement?.groupId === groupId && delivery.statement.commitment.length === 0,
    );
    return { statement, own: Buffer.alloc(0), shared: Buffer.alloc(0) };
  }

  override async stop(): Promise<void> {
    for (const device of this.#devices) await device.close();
    await this.#entries.close();
    await this.served.stop();
    await super.stop();
  }

  async #assignedByServer(local: LocalDevice): Promise<void> {
    const { oneTimeString } = await this.deployment.operator.admit({
      entity: this.newEntity(),
      form: 'secret',
      peer: { uri: this.hostile.uri, address: this.served.address },
    });
    await local.enrol(oneTimeString);
  }

  /** The hostile gateway derives the key and registers it, as it may: from then on both know S. */
  async #assignedHere(local: LocalDevice): Promise<void> {
    const registration = await this.secretRegistration();
    await this.relay(sealSecretRegistration(registration));
    await local.device.importKey({
      entity: registration.terms.entity,
      user: '',
      gateway: this.hostile.uri,
      endpoint: this.served.address,
      root: this.deployment.pki.rootDer,
      secret: registration.secret,
    });
  }
}
