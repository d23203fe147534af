/** Looks into the stores of running services from outside: what each of them keeps of one Service Group. */
import { OUTBOX } from '@cpns/delivery';
import type { Statement } from '@cpns/group-key';
import { at, openRecords, type Aggregate, type Records, type Store } from '@cpns/store';
import { lookIntoStore, type Deployment } from '@cpns/testing';
import * as cskmf from '../../../../apps/cpns-server/src/cskmf/records';
import * as kmc from '../../../../apps/kmc/src/kmc/kmc.controller';
import * as held from '../../../../apps/pn-gw/src/cskmf/envelopes';
import * as noticed from '../../../../apps/pn-gw/src/service-group/known-groups';
import * as smf from '../../../../apps/smf/src/group-changes/groups';
import { GATEWAYS, KMC, SERVER, SMF } from '../due';

const MEMBERS_MAX = 1_000;

/** The aggregate of a group at a service of the Server side, its record of a change, and its log for each gateway. */
const SERVER_SIDE = [
  { name: SMF, aggregate: smf.groupAggregate, pending: smf.PENDING.name, log: 'notices' },
  { name: SERVER, aggregate: cskmf.groupAggregate, pending: cskmf.PENDING.name, log: 'delivery' },
] as const;

export class Sight {
  constructor(private readonly deployment: Deployment) {}

  /** Everything of the group that is still on its way, in words. */
  async underWay(groupId: string): Promise<string[]> {
    const atServices = SERVER_SIDE.map(({ name, aggregate, pending, log }) =>
      this.#into(name, async (_, store) => {
        const group = aggregate(groupId);
        const left = await logged(store, group, OUTBOX);
        if ((await store.read(group, [pending])).has(pending)) left.push(pending);
        for (const to of GATEWAYS)
          left.push(...(await logged(store, { kind: 'gateway', id: this.deployment.uri(to) }, log, to)));
        return left.map((what) => `${name}: ${what}`);
      }),
    );
    const atGateways = GATEWAYS.map((name) =>
      this.#into(name, async (records, store) => {
        const left = await logged(store, noticed.groupAggregate(groupId), OUTBOX);
        const { index } = await records.read(held.HELD_AGGREGATE, { index: at(held.HELD_INDEX) });
        if (index?.entries.some((one) => one.groupId === groupId) === true) left.push('a push waits');
        return left.map((what) => `${name}: ${what}`);
      }),
    );
    return (await Promise.all([...atServices, ...atGateways])).flat();
  }

  /** Those that the KMC has, from the first on, and one that it must not have if it does. */
  async kmcVersions(groupId: string, upTo: bigint): Promise<readonly kmc.VersionRecord[]> {
    const names = Array.from({ length: Number(upTo) + 2 }, (_, index) => kmc.versionName(BigInt(index + 1)));
    const wanted = Object.fromEntries(names.map((name) => [name, at(kmc.VERSION, name)]));
    const found = await this.#into(KMC, (records) => records.read(kmc.keyAggregate(groupId), wanted));
    return names.flatMap((name) => found[name] ?? []);
  }

  /** Each version that the Server gives, with its GKC. */
  async stated(groupId: string): Promise<readonly Pick<Statement, 'version' | 'commitment'>[]> {
    const wanted = { head: at(cskmf.GROUP) };
    const { head } = await this.#into(SERVER, (records) => records.read(cskmf.groupAggregate(groupId), wanted));
    return head?.versions ?? [];
  }

  /** What a gateway keeps of a group. @returns undefined for a gateway that has not heard of it */
  gateway(name: string, groupId: string) {
    const group = noticed.groupAggregate(groupId);
    return this.#into(name, async (records, store) => {
      const wanted = { notice: at(noticed.NOTICE), statements: at(noticed.STATEMENTS) };
      const { notice, statements } = await records.read(group, wanted);
      return (
        notice && {
          revision: notice.membershipRevision,
          deleted: notice.deleted,
          /** The version of each notice, in the order in which they came; the last four. */
          noticed: notice.noticed.map(({ version }) => version),
          statements: statements?.known ?? [],
          members: (await store.members(group, noticed.MEMBERS_SET, undefined, MEMBERS_MAX)).items,
        }
      );
    });
  }

  #into<T>(name: string, look: (records: Records, store: Store) => Promise<T>): Promise<T> {
    const service = name.includes('/') ? 'pn-gw' : name;
    const masterKeyFile = this.deployment.masterKeyFile(name);
    return lookIntoStore(this.deployment.storeUrl(name), async (store) =>
      look(await openRecords({ store, service, masterKeyFile }), store),
    );
  }
}

async function logged(store: Store, aggregate: Aggregate, log: string, to = ''): Promise<string[]> {
  const { entries } = await store.readLog(aggregate, log, 0n, MEMBERS_MAX);
  return entries.map(({ dedupeId }) => `${log} ${to} ${dedupeId}`);
}
