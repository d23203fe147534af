/** Looks into the stores of running services from outside: what each of them keeps of one Service Group. */
import { OUTBOX } from '@cpns/delivery';
import type { Statement } from '@cpns/group-key';
import { at, openRecords, type Aggregate, type RecordDefinition, type Records, type Store } from '@cpns/store';
import { lookIntoStore, type Deployment } from '@cpns/testing';
import * as cskmf from '../../../../apps/cpns-server/src/cskmf/records';
import * as kmc from '../../../../apps/kmc/src/kmc/records';
import * as held from '../../../../apps/pn-gw/src/cskmf/records';
import * as noticed from '../../../../apps/pn-gw/src/service-group/records';
import * as smf from '../../../../apps/smf/src/group-changes/records';
import { KMC, SERVER, SMF } from '../due';

const DELIVERY = 'delivery';
const NOTICES = 'notices';
const MEMBERS_MAX = 1_000;

/** What a gateway keeps of a group. */
export interface GatewayView {
  readonly revision: bigint;
  readonly deleted: boolean;
  /** The version of each notice, in the order in which they came; the last four. */
  readonly noticed: readonly bigint[];
  readonly statements: readonly Statement[];
  readonly members: readonly string[];
}

/** A store during a look into it. */
interface Seen {
  /** Of the service. */
  readonly name: string;
  readonly store: Store;
  readonly records: Records;
}

export class Sight {
  /** @param gateways by name */
  constructor(
    private readonly deployment: Deployment,
    private readonly gateways: readonly string[],
  ) {}

  /** Everything of the group that is still on its way, in words. */
  async underWay(groupId: string): Promise<string[]> {
    const found = await Promise.all([
      this.#underWayAtSmf(groupId),
      this.#underWayAtServer(groupId),
      ...this.gateways.map((name) => this.#underWayAtGateway(name, groupId)),
    ]);
    return found.flat();
  }

  /** Those that the KMC has, from the first on, and one that it must not have if it does. */
  async kmcVersions(groupId: string, upTo: bigint): Promise<readonly kmc.VersionRecord[]> {
    const names = Array.from({ length: Number(upTo) + 2 }, (_, index) => kmc.versionName(BigInt(index + 1)));
    const wanted = Object.fromEntries(names.map((name) => [name, at(kmc.VERSION, name)]));
    const found = await this.#into(KMC, ({ records }) => records.read(kmc.keyAggregate(groupId), wanted));
    return names.flatMap((name) => found[name] ?? []);
  }

  /** GKC of each version that the Server gives, in hex. */
  async commitments(groupId: string): Promise<ReadonlyMap<bigint, string>> {
    const group = cskmf.groupAggregate(groupId);
    const { head } = await this.#into(SERVER, ({ records }) => records.read(group, { head: at(cskmf.GROUP) }));
    return new Map(head?.versions.map(({ version, commitment }) => [version, commitment.toString('hex')]));
  }

  /** @returns undefined for a gateway that heard nothing of it */
  gateway(name: string, groupId: string): Promise<GatewayView | undefined> {
    const group = noticed.groupAggregate(groupId);
    return this.#into(name, async ({ store, records }) => {
      const wanted = { notice: at(noticed.NOTICE), statements: at(noticed.STATEMENTS) };
      const { notice, statements } = await records.read(group, wanted);
      if (notice === undefined) return undefined;
      const { items } = await store.members(group, noticed.MEMBERS_SET, undefined, MEMBERS_MAX);
      return {
        revision: notice.membershipRevision,
        deleted: notice.deleted,
        noticed: notice.noticed.map(({ version }) => version),
        statements: statements?.known.map(({ statement }) => statement) ?? [],
        members: items,
      };
    });
  }

  #underWayAtSmf(groupId: string): Promise<string[]> {
    const group = smf.groupAggregate(groupId);
    return this.#into(SMF, async (seen) => [
      ...(await entries(seen, group, OUTBOX)),
      ...(await record(seen, group, smf.PENDING)),
      ...(await this.#logs(seen, NOTICES)),
    ]);
  }

  #underWayAtServer(groupId: string): Promise<string[]> {
    const group = cskmf.groupAggregate(groupId);
    return this.#into(SERVER, async (seen) => [
      ...(await entries(seen, group, OUTBOX)),
      ...(await record(seen, group, cskmf.PENDING)),
      ...(await this.#logs(seen, DELIVERY)),
    ]);
  }

  #underWayAtGateway(name: string, groupId: string): Promise<string[]> {
    const group = noticed.groupAggregate(groupId);
    return this.#into(name, async (seen) => [
      ...(await entries(seen, group, OUTBOX)),
      ...(await heldPush(seen, groupId)),
    ]);
  }

  /** What a service of the Server side has for each gateway. */
  async #logs(seen: Seen, log: string): Promise<string[]> {
    const found = this.gateways.map((name) =>
      entries(seen, { kind: 'gateway', id: this.deployment.uri(name) }, log, name),
    );
    return (await Promise.all(found)).flat();
  }

  #into<T>(name: string, look: (seen: Seen) => Promise<T>): Promise<T> {
    return lookIntoStore(this.deployment.storeUrl(name), async (store) => {
      const service = name.includes('/') ? 'pn-gw' : name;
      const records = await openRecords({ store, service, masterKeyFile: this.deployment.masterKeyFile(name) });
      return look({ name, store, records });
    });
  }
}

async function entries({ name, store }: Seen, aggregate: Aggregate, log: string, to = ''): Promise<string[]> {
  const found = await store.readLog(aggregate, log, 0n, MEMBERS_MAX);
  return found.entries.map(({ dedupeId }) => `${name}: ${log} ${to} ${dedupeId}`);
}

async function record(
  { name, store }: Seen,
  aggregate: Aggregate,
  { name: wanted }: Pick<RecordDefinition<never>, 'name'>,
): Promise<string[]> {
  return (await store.read(aggregate, [wanted])).has(wanted) ? [`${name}: ${wanted}`] : [];
}

async function heldPush({ name, records }: Seen, groupId: string): Promise<string[]> {
  const { index } = await records.read(held.HELD_AGGREGATE, { index: at(held.HELD_INDEX) });
  return index?.entries.some((one) => one.groupId === groupId) === true ? [`${name}: a push waits`] : [];
}
