/** Two replicas of Server and SMF, gateways, and two members who stay: behind one gateway each, watching. */
import { RevokeEntityUserKeyRequest, type EndReport, type GroupKeyStatus } from '@cpns/contracts';
import type { CpnsError } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';
import { admitLocally, LocalDevice, mainOf, retried, waitUntil, type NewGroup } from '@cpns/testing';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Replicas } from '../rights/replicas';
import { Hoard } from './hoard';
import { Traffic, type TrafficOptions } from './traffic';

/** Relays for its Personal Network, and assigns. */
export const RELAY = 'home/relay';
/** Of the other Personal Network. */
export const FAR = 'far/gw';
const WAIT = { withinMs: 30_000 };

export interface Member {
  readonly entity: string;
  readonly local: LocalDevice;
}

/** Those of one end. */
export interface Groups {
  readonly push: string;
  readonly pull: string;
  /** Open to all; no entity of the end is in it. */
  readonly open: string;
}

/** Those in which members seal. */
export const ids = ({ push, pull }: Groups): readonly string[] => [pull, push].sort();

/** A gateway whose notice is still on the way. */
const isNew = ({ reason }: CpnsError): boolean =>
  ['NOT_FOUND', 'NOT_A_MEMBER', 'DEPENDENCY_UNAVAILABLE'].includes(reason);

export class Scene extends Replicas {
  readonly #members: LocalDevice[] = [];
  #stayers!: readonly [Member, Member];
  #groups = 0;

  /** @param gateways besides the two, by their names */
  async begin(...gateways: readonly string[]): Promise<void> {
    const specOf = (name: string) => ({ pn: name.split('/')[0]!, id: name.split('/')[1]! });
    await this.start(...[RELAY, FAR, ...gateways].map(specOf));
    this.#stayers = [await this.member('secret', 'server', RELAY), await this.member('key-pair', FAR, FAR)];
    for (const { local } of this.#stayers) local.watch();
  }

  override async stop(): Promise<void> {
    for (const local of this.#members) await local.close();
    await super.stop();
  }

  /** The members of every group: behind {@link RELAY}, and behind {@link FAR}. */
  get stayers(): readonly [Member, Member] {
    return this.#stayers;
  }

  /** A device with a live key. @param assigner `server`, or the name of a gateway */
  async member(form: KeyForm, assigner: string, gateway: string, user = ''): Promise<Member> {
    const entity = this.entityOf(this.deployment.uri(gateway));
    const { local, oneTimeString } = await admitLocally(this.deployment, { entity, user, form, assigner, gateway });
    this.#members.push(await local.enrol(oneTimeString, WAIT.withinMs));
    return { entity, local };
  }

  /** The same E on another device. */
  async readmitted(entity: string): Promise<Member> {
    const admission = { entity, form: 'secret', assigner: 'server', gateway: RELAY } as const;
    const directory = join(this.deployment.directory, `again-${this.#members.length}`);
    const { oneTimeString } = await this.deployment.admit(admission);
    const local = await LocalDevice.create(directory, this.deployment.address(RELAY, 'certificate'));
    this.#members.push(await local.enrol(oneTimeString, WAIT.withinMs));
    return { entity, local };
  }

  /** The same device behind another gateway. */
  async moved({ entity, local }: Member, gateway: string): Promise<Member> {
    const moved = await local.moveTo(this.deployment, gateway);
    this.#members[this.#members.indexOf(local)] = moved;
    return { entity, local: moved };
  }

  /** A group of those who stay, and these; each has pulled its key. */
  async group(group: Omit<NewGroup, 'members'>, ...members: readonly Member[]): Promise<string> {
    const all = [...this.#stayers, ...members];
    const entities = all.map(({ entity }) => entity);
    await this.deployment.operator.groups.createGroup({ openToJoin: true, ...group, members: entities });
    const { groupId } = group;
    for (const { local } of all) await retried(() => local.groups.pull(groupId), { isPassing: isNew, ...WAIT });
    return groupId;
  }

  /** Groups of those who stay, and these. */
  async groupsWith(...members: readonly Member[]): Promise<Groups> {
    const n = ++this.#groups;
    const open = `open-${n}`;
    const { groups } = this.deployment.operator;
    await groups.createGroup({ groupId: open, delivery: 'pull', openToJoin: true, members: [] });
    return {
      push: await this.group({ groupId: `push-${n}`, delivery: 'push' }, ...members),
      pull: await this.group({ groupId: `pull-${n}`, delivery: 'pull' }, ...members),
      open,
    };
  }

  /** Traffic in each of the groups, under way. */
  async traffic(groupIds: readonly string[], options?: TrafficOptions): Promise<readonly Traffic[]> {
    const [one, other] = this.#stayers;
    const all = groupIds.map((groupId) => new Traffic(groupId, one.local, other.local, options));
    for (const { groupId, sealed } of all) await waitUntil(`traffic in ${groupId}`, () => sealed.length > 5, WAIT);
    return all;
  }

  hoardOf({ entity, local }: Member): Hoard {
    return new Hoard(
      entity,
      local,
      this.#members.filter((one) => one !== local),
    );
  }

  /** Ends a right at a replica of the Server. */
  async endRight(request: Partial<RevokeEntityUserKeyRequest>): Promise<EndReport> {
    const wanted = RevokeEntityUserKeyRequest.fromPartial(request);
    const { report } = await this.entityUserKeys('b').revokeEntityUserKey(wanted, { deadlineMs: WAIT.withinMs });
    if (report === undefined) throw new Error('the Server answered without the report');
    return report;
  }

  /** What the operator's program prints. */
  async cpnsctl(...args: readonly string[]): Promise<string> {
    const { root, operator } = this.deployment.pki;
    const server = this.deployment.address('cpns-server', 'certificate');
    const identity = ['--server', server, '--root', root, '--cert', operator.chain, '--key', operator.key];
    return (await promisify(execFile)(process.execPath, [mainOf('cpnsctl'), ...args, ...identity])).stdout;
  }

  status(groupId: string): Promise<GroupKeyStatus> {
    return this.deployment.operator.groups.groupKeyStatus(groupId, { withRecipients: true });
  }
}
