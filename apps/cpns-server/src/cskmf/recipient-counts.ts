/** Whom each version of a group is for, and which gateways have not acknowledged it (GK-PUSH). */
import { forEach } from '@cpns/core';
import { ClaimedLog, OUTBOX } from '@cpns/delivery';
import { PersonalNetworks, RecentRecords } from '@cpns/platform';
import { allMembers, at, byName, pagesOf, Records, Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GatewayLog, subjectOf } from '../gateway-log/gateway-log';
import { GatewayRecords, lifeOf, type IdentityRecord } from '../gateways/records';
import { groupAggregate, PNS, RECIPIENT, recipientName, recipientsSet, type KeyedGroupRecord } from './records';
import { decodeTask } from './relay-task';
import { isGiven } from './spans';

/** Of one version. */
export interface Counted {
  recipients: number;
  /** Gateways of those recipients' Personal Networks that have acknowledged the version. */
  acknowledged: number;
  /** E of each that has not. */
  readonly waiting: string[];
}

type Counts = ReadonlyMap<bigint, Counted>;
/** True for a version that is not acknowledged. */
type Unacknowledged = (version: bigint) => boolean;

const PAGE = 500;
const AT_ONCE = 16;

@Injectable()
export class RecipientCounts {
  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly recent: RecentRecords,
    private readonly networks: PersonalNetworks,
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
  ) {}

  /** By version. @param versions of the group @throws CpnsError DEPENDENCY_UNAVAILABLE, STORED_RECORD_INVALID */
  async of(group: KeyedGroupRecord, versions: readonly { readonly version: bigint }[]): Promise<Counts> {
    const { groupId, delivery } = group.description;
    const all: Counts = new Map(versions.map(({ version }) => [version, none()]));
    const notCarried = delivery === 'push' ? await this.#notCarried(groupId) : new Set<bigint>();
    for (const pnId of await allMembers(this.store, groupAggregate(groupId), PNS)) {
      const here = await this.#recipients(groupId, pnId, all);
      if (here.length === 0 || delivery !== 'push') continue;
      const work = (gateway: string) => this.#countGateway(groupId, gateway, { all, here, notCarried });
      await forEach(await this.networks.gatewaysOf(pnId), work, AT_ONCE);
    }
    for (const { waiting } of all.values()) waiting.sort();
    return all;
  }

  /** Adds those of one Personal Network. @returns the versions that are for any of them */
  async #recipients(groupId: string, pnId: string, all: Counts): Promise<bigint[]> {
    const here = new Set<bigint>();
    for await (const entities of pagesOf(this.store, groupAggregate(groupId), recipientsSet(pnId), PAGE)) {
      const wanted = byName(entities, (entity) => entity, (entity) => at(RECIPIENT, recipientName(entity))); // prettier-ignore
      for (const recipient of Object.values(await this.recent.read(groupAggregate(groupId), wanted)))
        for (const [version, counted] of all) {
          if (!isGiven(recipient?.spans ?? [], version)) continue;
          counted.recipients += 1;
          here.add(version);
        }
    }
    return [...here];
  }

  async #countGateway(
    groupId: string,
    gateway: string,
    { all, here, notCarried }: { all: Counts; here: readonly bigint[]; notCarried: ReadonlySet<bigint> },
  ): Promise<void> {
    const identity = await this.gateways.identityOf(gateway);
    if (identity?.state !== 'live') return;
    const isWaiting = await this.#unacknowledged(groupId, gateway, identity);
    for (const version of here) {
      const counted = all.get(version);
      if (notCarried.has(version) || isWaiting(version)) counted?.waiting.push(gateway);
      else if (counted !== undefined) counted.acknowledged += 1;
    }
  }

  /** Versions that are not in the gateways' logs yet. */
  async #notCarried(groupId: string): Promise<ReadonlySet<bigint>> {
    const { entries } = await this.store.readLog(groupAggregate(groupId), OUTBOX, 0n, PAGE);
    return new Set(entries.map((entry) => decodeTask(entry).version));
  }

  async #unacknowledged(groupId: string, gateway: string, identity: IdentityRecord): Promise<Unacknowledged> {
    const log = this.log.of(gateway);
    const head = await new ClaimedLog(this.records, log).head();
    // it has a snapshot to come, which says it all
    if (head === undefined || head.overflowed || head.life !== String(lifeOf(identity))) return () => true;
    const waiting = new Set<string | undefined>();
    for (let page = await log.read(0n, PAGE); ;) {
      for (const { dedupeId } of page.entries)
        // of a version that was pushed again the revision stands behind it
        if (subjectOf({ dedupeId }) === `group.${groupId}`)
          waiting.add(dedupeId.slice(dedupeId.lastIndexOf('.') + 1).split('-', 1)[0]);
      const last = page.entries.at(-1);
      if (last === undefined) return (version) => waiting.has(String(version));
      page = await log.read(last.sequence, PAGE);
    }
  }
}

const none = (): Counted => ({ recipients: 0, acknowledged: 0, waiting: [] });
