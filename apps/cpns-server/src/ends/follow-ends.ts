import { RevocationKind, type EndedMember } from '@cpns/contracts';
import { CpnsError, duration, parseEntityUri } from '@cpns/core';
import { BackgroundLoop } from '@cpns/platform';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayRecords, lifeOf } from '../gateways/records';
import { DueEnds, type LeftEnd } from './due-ends';
import { EndEntity } from './end-entity';
import { Endings, type Ending, type How } from './endings';
import { MembershipEnds } from './membership-ends';
import { REST_KINDS } from './rest-key';
import { wholeOf } from './scope';

const SWEEP_EVERY = duration(3, 'second');
/** How long SMF is waited for at a time. */
const PATIENCE = duration(10, 'second');

/** What SMF is asked at once: ends of one kind. */
interface Batch {
  readonly kind: RevocationKind;
  readonly keepGrace: boolean;
  /** By E, as late as it is known. */
  readonly members: Map<string, EndedMember>;
  readonly items: string[];
}

/** Carries on what ends led to where the call that ended something died, or SMF was away. */
@Injectable()
export class FollowEnds extends BackgroundLoop {
  constructor(
    private readonly due: DueEnds,
    private readonly endings: Endings,
    private readonly entities: EndEntity,
    private readonly gateways: GatewayRecords,
    private readonly memberships: MembershipEnds,
    private readonly logger: Logger,
  ) {
    super();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sweep(signal).catch((error: unknown) =>
        this.logger.warn('what follows from ended rights could not be carried on', { error }),
      );
      await sleep(SWEEP_EVERY, undefined, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async sweep(signal?: AbortSignal): Promise<void> {
    for await (const ends of this.due.left(signal)) {
      const batches = new Map<string, Batch>();
      for (const end of ends) {
        if (signal?.aborted) return;
        await this.carryOn(end, batches).catch((error: unknown) => {
          // a record that was altered holds up nothing that concerns others
          if (!(error instanceof CpnsError) || error.reason !== 'STORED_RECORD_INVALID') throw error;
          this.logger.error('what follows from an ended right cannot be carried on', { name: end.name, error });
        });
      }
      for (const batch of batches.values()) await this.ask(batch);
    }
  }

  private async carryOn(end: LeftEnd, batches: Map<string, Batch>): Promise<void> {
    if (end.kind === 'gateway') return this.carryGateway(end);
    if (end.kind === 'user') {
      const ending = await this.endings.ofUser(end.name, end.time, this.howOf(end));
      return this.finish(end, ending);
    }
    const asked = await this.askedOf(end);
    if (asked === 'nothing') return this.due.remove([end.item]);
    if (asked === undefined) return this.due.isForgotten(end) ? this.due.remove([end.item]) : undefined;
    const { kind, member } = asked;
    const name = `${kind} ${String(end.keepGrace)}`;
    const batch: Batch = batches.get(name) ?? { kind, keepGrace: end.keepGrace, members: new Map(), items: [] };
    batches.set(name, batch);
    batch.members.set(end.name, member);
    batch.items.push(end.item);
  }

  private async carryGateway(end: LeftEnd): Promise<void> {
    const identity = await this.gateways.identityOf(end.name);
    const isEnded = identity !== undefined && lifeOf(identity) > end.life;
    if (isEnded) return this.finish(end, await this.endings.assignedBy(end.name, end.life, this.howOf(end)));
    if (this.due.isForgotten(end)) await this.due.remove([end.item]);
  }

  /** The entities have items of their own now. */
  private async finish(end: LeftEnd, ending: Ending): Promise<void> {
    if (ending.isWhole) await this.due.remove([end.item]);
    await this.endings.follow(ending, this.howOf(end));
  }

  /** @returns undefined while the change is not there; 'nothing' where something later took its place */
  private async askedOf(
    end: LeftEnd,
  ): Promise<{ readonly kind: RevocationKind; readonly member: EndedMember } | 'nothing' | undefined> {
    const { key, life, revision } = await this.entities.look(parseEntityUri(end.name), wholeOf());
    const entity = end.name;
    if (end.kind === 'entity') {
      const member = { entity, life: life - 1n, revision };
      return life > end.life ? { kind: RevocationKind.REVOCATION_KIND_REVOKE, member } : undefined;
    }
    if (life > end.life || key === undefined || key === 'ended') return 'nothing';
    if (revision <= end.revision) return undefined;
    return { kind: REST_KINDS[key === 'suspended' ? 'suspend' : 'resume'], member: { entity, life, revision } };
  }

  private async ask({ kind, keepGrace, members, items }: Batch): Promise<void> {
    const how = { ...this.howOf({ keepGrace }), kind };
    const { isComplete } = await this.memberships.ask([...members.values()], how);
    if (isComplete) await this.due.remove(items);
  }

  private howOf({ keepGrace }: Pick<LeftEnd, 'keepGrace'>): How {
    return { keepGrace, isDry: false, until: Date.now() + PATIENCE, signal: this.over };
  }
}
