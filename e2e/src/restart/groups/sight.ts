/** Looks into the stores of running services from outside: what each of them keeps of one Service Group. */
import { GroupKey } from '@cpns/core';
import type { Statement } from '@cpns/group-key';
import { at, defineRecord, jsonField, openRecords, optional, secretField, type Records } from '@cpns/records';
import { openStore, type Aggregate, type Store } from '@cpns/store';
import type { Deployment } from '@cpns/testbed';
import { KMC, SERVER, SMF } from '../due';

const OUTBOX = 'outbox';
const DELIVERY = 'delivery';
const NOTICES = 'notices';
const MEMBERS_MAX = 1_000;

const PENDING = 'pending';
const REQUEST = 'request';

/** The records as their owners define them, as far as they are looked at. */
const KMC_VERSION = defineRecord('version', {
  version: jsonField<bigint>(),
  state: jsonField<'live' | 'destroyed'>(),
  groupKey: optional(secretField(GroupKey)),
});
const HEAD = defineRecord('head', {
  newest: jsonField<bigint>(),
  versions: jsonField<readonly { readonly version: bigint; readonly commitment: Buffer }[]>(),
});
const NOTICE = defineRecord('notice', {
  membershipRevision: jsonField<bigint>(),
  keyVersion: jsonField<bigint>(),
  deleted: jsonField<boolean>(),
  noticed: jsonField<readonly { readonly version: bigint }[]>(),
});
const STATEMENTS = defineRecord('statements', { known: jsonField<readonly { readonly statement: Statement }[]>() });
const HELD = defineRecord('index', { entries: jsonField<readonly { readonly groupId: string }[]>() });

export interface KmcVersion {
  readonly version: bigint;
  readonly state: 'live' | 'destroyed';
  readonly groupKey?: GroupKey;
}

/** What a gateway keeps of a group. */
export interface GatewayView {
  readonly revision: bigint;
  readonly deleted: boolean;
  /** The version of each notice, in the order in which they came; the last four. */
  readonly noticed: readonly bigint[];
  readonly statements: readonly Statement[];
  readonly members: readonly string[];
}

interface Opened {
  readonly store: Store;
  readonly records: Records;
}

export class Sight {
  private constructor(
    private readonly deployment: Deployment,
    private readonly gateways: readonly string[],
    private readonly opened: ReadonlyMap<string, Opened>,
  ) {}

  /** @param gateways by name */
  static async open(deployment: Deployment, gateways: readonly string[]): Promise<Sight> {
    const opened = new Map<string, Opened>();
    for (const name of [SERVER, KMC, SMF, ...gateways]) {
      const store = await openStore(deployment.storeUrl(name));
      const service = name.includes('/') ? 'pn-gw' : name;
      const records = await openRecords({ store, service, masterKeyFile: deployment.masterKeyFile(name) });
      opened.set(name, { store, records });
    }
    return new Sight(deployment, gateways, opened);
  }

  async close(): Promise<void> {
    for (const { store } of this.opened.values()) await store.close();
  }

  /** Everything of the group that is still on its way, in words. */
  async underWay(groupId: string): Promise<string[]> {
    const group = { kind: 'group', id: groupId };
    const serviceGroup = { kind: 'service-group', id: groupId };
    const found = await Promise.all([
      this.#entries(SMF, serviceGroup, OUTBOX),
      this.#record(SMF, serviceGroup, PENDING),
      this.#entries(SERVER, group, OUTBOX),
      this.#record(SERVER, group, PENDING),
      ...this.gateways.flatMap((name) => {
        const gateway = { kind: 'gateway', id: this.deployment.uri(name) };
        return [
          this.#entries(SMF, gateway, NOTICES, name),
          this.#entries(SERVER, gateway, DELIVERY, name),
          this.#entries(name, group, OUTBOX),
          this.#record(name, group, REQUEST),
          this.#held(name, groupId),
        ];
      }),
    ]);
    return found.flat();
  }

  /** Those that the KMC has, from the first on, and one that it must not have if it does. */
  async kmcVersions(groupId: string, upTo: bigint): Promise<readonly KmcVersion[]> {
    const names = Array.from({ length: Number(upTo) + 2 }, (_, index) => `version.${index + 1}`);
    const wanted = Object.fromEntries(names.map((name) => [name, at(KMC_VERSION, name)]));
    const found = await this.#of(KMC).records.read({ kind: 'key', id: groupId }, wanted);
    return names.flatMap((name) => found[name] ?? []);
  }

  /** GKC of each version that the Server gives, in hex. */
  async commitments(groupId: string): Promise<ReadonlyMap<bigint, string>> {
    const { head } = await this.#of(SERVER).records.read({ kind: 'group', id: groupId }, { head: at(HEAD) });
    return new Map(head?.versions.map(({ version, commitment }) => [version, commitment.toString('hex')]));
  }

  /** @returns undefined for a gateway that heard nothing of it */
  async gateway(name: string, groupId: string): Promise<GatewayView | undefined> {
    const { records, store } = this.#of(name);
    const aggregate = { kind: 'group', id: groupId };
    const wanted = { notice: at(NOTICE), statements: at(STATEMENTS) };
    const { notice, statements } = await records.read(aggregate, wanted);
    if (notice === undefined) return undefined;
    const { items } = await store.members(aggregate, 'members', undefined, MEMBERS_MAX);
    return {
      revision: notice.membershipRevision,
      deleted: notice.deleted,
      noticed: notice.noticed.map(({ version }) => version),
      statements: statements?.known.map(({ statement }) => statement) ?? [],
      members: items,
    };
  }

  async #entries(service: string, aggregate: Aggregate, log: string, to = ''): Promise<string[]> {
    const { entries } = await this.#of(service).store.readLog(aggregate, log, 0n, MEMBERS_MAX);
    return entries.map(({ dedupeId }) => `${service}: ${log} ${to} ${dedupeId}`);
  }

  async #record(service: string, aggregate: Aggregate, name: string): Promise<string[]> {
    const found = await this.#of(service).store.read(aggregate, [name]);
    return found.has(name) ? [`${service}: ${name}`] : [];
  }

  async #held(gateway: string, groupId: string): Promise<string[]> {
    const { held } = await this.#of(gateway).records.read({ kind: 'held-push', id: 'own' }, { held: at(HELD) });
    return held?.entries.some((one) => one.groupId === groupId) === true ? [`${gateway}: a push waits`] : [];
  }

  #of(name: string): Opened {
    const found = this.opened.get(name);
    if (found === undefined) throw new Error(`the store of ${name} was not opened`);
    return found;
  }
}
