/**
 * What a gateway is to hear, in order, until it acknowledged it. An entry says what changed; its message is made when it is
 * sent, of what is stored then: a log holds no secret, and no gateway hears of a grant that was revoked meanwhile.
 */
import { Clock } from '@cpns/core';
import { CLAIM, ClaimedLog, DeliveryLog, WAITING_MAX } from '@cpns/delivery';
import { PersonalNetworks } from '@cpns/platform';
import { at, Records, Store, type Append, type LogEntry } from '@cpns/store';
import { currentTraceparent, lastStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { gatewayAggregate, GatewayRecords } from '../gateways/records';

/** The log that OpenDeliveryChannel drives. */
const DELIVERY_LOG = 'delivery';

/** The channel that has it. */
export const DELIVERY_CLAIM = at(CLAIM, `claim.${DELIVERY_LOG}`);

/** Entries that are read at a time. */
const PAGE = 1_000;

const KINDS = ['token', 'seed', 'credential', 'assigner', 'group'] as const;

/** What an entry is about. */
export interface Reference {
  readonly kind: (typeof KINDS)[number];
  /** Token-id, first-seed-id, E of an entity or of an assigning gateway, group-id. */
  readonly name: string;
}

/** What {@link subjectOf} says of an entry about it. */
export const subjectNamed = ({ kind, name }: Reference): string => `${kind}.${name}`;

/** Of several entries about one subject the last alone has to be sent. */
export const subjectOf = ({ dedupeId }: Pick<LogEntry, 'dedupeId'>): string =>
  dedupeId.slice(0, Math.max(0, dedupeId.lastIndexOf('.')));

/** @returns undefined for an entry from before entries were references: a snapshot has said all that it says */
export function referenceOf(entry: Pick<LogEntry, 'dedupeId'>): Reference | undefined {
  const subject = subjectOf(entry);
  const kind = KINDS.find((one) => subject.startsWith(`${one}.`));
  return kind && { kind, name: subject.slice(kind.length + 1) };
}

/** The delivery log of each gateway, by its E. */
@Injectable()
export class GatewayLog {
  /** Of each log, as it was seen last: how many entries wait there at most is known without a look. */
  readonly #trimmedTo = new Map<string, bigint>();

  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly gateways: GatewayRecords,
    private readonly networks: PersonalNetworks,
    private readonly clock: Clock,
  ) {}

  of(gateway: string): DeliveryLog {
    return new DeliveryLog(this.store, gatewayAggregate(gateway), DELIVERY_LOG);
  }

  /** Up to which sequence it was acknowledged: not what was let go for want of room, until a snapshot has said it anew. */
  async acknowledgedTo(gateway: string): Promise<bigint> {
    const log = this.of(gateway);
    const head = await new ClaimedLog(this.records, log).head();
    return head?.overflowed === true ? 0n : (await log.read(0n, 1)).trimmedTo;
  }

  /** True while the gateway has not acknowledged all that its log says about these subjects. */
  async holds(gateway: string, subjects: ReadonlySet<string>): Promise<boolean> {
    const log = this.of(gateway);
    if ((await new ClaimedLog(this.records, log).head())?.overflowed === true) return true;
    for (let after = 0n; ;) {
      const { entries } = await log.read(after, PAGE);
      if (entries.some((entry) => subjects.has(subjectOf(entry)))) return true;
      const last = entries.at(-1);
      if (last === undefined) return false;
      after = last.sequence;
    }
  }

  /** True while a channel has its log. */
  async isConnected(gateway: string): Promise<boolean> {
    const { claim } = await this.gateways.read(gateway, { claim: DELIVERY_CLAIM });
    return claim !== undefined && claim.until > this.clock.now();
  }

  /**
   * An entry for a commit of the gateway's records; the sequence is given by the log.
   * @param change tells it from the subject's other entries; without a dot
   */
  entry(gateway: string, { kind, name }: Reference, change: string): Append {
    const traceparent = Buffer.from(lastStep() || currentTraceparent(), 'utf8');
    return this.of(gateway).entry(`${kind}.${name}.${change}`, traceparent);
  }

  /** An entry in a commit of its own. @returns its sequence */
  async append(gateway: string, reference: Reference, change: string): Promise<bigint> {
    const { dedupeId, value } = this.entry(gateway, reference, change);
    const sequence = await this.of(gateway).append(dedupeId, value);
    if (sequence - (this.#trimmedTo.get(gateway) ?? 0n) > WAITING_MAX) await this.bound(gateway);
    return sequence;
  }

  /** An entry for each gateway of a Personal Network that may act: the log of one that may not would never be emptied. */
  async appendForAll(pnId: string, reference: Reference, change: string): Promise<void> {
    await Promise.all(
      (await this.networks.gatewaysOf(pnId)).map(async (gateway) => {
        const identity = await this.gateways.identityOf(gateway);
        if (identity?.state === 'live') await this.append(gateway, reference, change);
      }),
    );
  }

  /** Lets entries go of which too many wait; a snapshot says in their place how all is. */
  private async bound(gateway: string): Promise<void> {
    const log = this.of(gateway);
    await new ClaimedLog(this.records, log).bound();
    this.#trimmedTo.set(gateway, (await log.read(0n, 1)).trimmedTo);
  }
}
