/** GK-PUSH inside the PN: a PNE is told of each new Group Key of its groups that push, and of each group that ended. */
import { type WatchGroupKeysResponse, groupKeyDelivery } from '@cpns/contracts';
import { Clock, duration, unauthenticated, parseEntityUri } from '@cpns/core';
import { Timers } from '@cpns/delivery';
import type { CallContext, CallerEntity, ServerStreamContext } from '@cpns/grpc';
import { Injectable } from '@nestjs/common';
import { checkAddressee, OwnGateway } from '../../common/own-gateway';
import { GatewayConfig } from '../../config';
import { endOf, KnownGroups, type KnownGroup } from '../../service-group/known-group';
import type { KnownStatement } from '../../service-group/records';
import { Envelopes, isForKeyOf } from '../envelopes';
import type { HeldEnvelope } from '../records';
import { GroupKeyHub, type Watcher } from './group-key-hub';

/** How long a member that was away is still told that a group ended, milliseconds. */
const END_TOLD_MS = duration(30, 'day');

interface News {
  readonly known: KnownStatement;
  /** Absent at the end of a group. */
  readonly envelope?: HeldEnvelope;
}

@Injectable()
export class WatchGroupKeys {
  /**
   * How long a watch lasts, milliseconds. The gateway hears when a key ends that it assigned; of the others it knows only
   * what the caller showed when it began, so that is to be shown again from time to time. Until then a key that has
   * ended brings its holder nothing: the Server makes no envelope for it.
   */
  readonly #lifetime: number;

  constructor(
    private readonly own: OwnGateway,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly groups: KnownGroups,
    private readonly envelopes: Envelopes,
    private readonly hub: GroupKeyHub,
    { watchLifetime }: GatewayConfig,
  ) {
    this.#lifetime = watchLifetime;
  }

  /**
   * Resolves when the watch has lasted its time: the caller watches again.
   * @throws CpnsError PROOF_MISSING, PN_MISMATCH; KEY_REVOKED, CERTIFICATE_EXPIRED when what the caller showed is no longer
   *   good; CONFLICT when it watches again
   */
  async execute(call: ServerStreamContext<WatchGroupKeysResponse>): Promise<void> {
    const caller = call.requireEntity();
    checkAddressee(this.own.name, parseEntityUri(caller.entity, 'entity'));
    const watcher = this.hub.open(caller);
    const gone = () => watcher.end();
    call.signal.addEventListener('abort', gone, { once: true });
    const cancel = this.endInTime(watcher, call);
    try {
      // told of what comes from here on, so that nothing falls between this look and the next change
      for (const groupId of await this.groups.groupsOf(caller.entity)) watcher.tell(groupId);
      if (!call.signal.aborted) await this.serve(watcher, call);
    } finally {
      cancel();
      call.signal.removeEventListener('abort', gone);
      this.hub.close(watcher);
    }
  }

  private endInTime(watcher: Watcher, { peer }: CallContext): () => void {
    const now = this.clock.now();
    const expiresIn = (peer?.notAfter ?? Infinity) - now;
    if (expiresIn > this.#lifetime) return this.timers.after(this.#lifetime, () => watcher.end());
    return this.timers.after(expiresIn, () =>
      watcher.end(unauthenticated('CERTIFICATE_EXPIRED', 'your certificate has expired; renew it')),
    );
  }

  private async serve(watcher: Watcher, call: ServerStreamContext<WatchGroupKeysResponse>): Promise<void> {
    const sent = new Map<string, bigint>();
    for (let groupId = await watcher.next(); groupId !== undefined; groupId = await watcher.next()) {
      const news = await this.newest(watcher.caller, groupId);
      const version = news?.known.statement.version;
      if (news === undefined || version === undefined || version <= (sent.get(groupId) ?? 0n)) continue;
      await call.write(response(news));
      sent.set(groupId, version);
    }
  }

  /** What a member of the group is told now, if anything. */
  private async newest(caller: CallerEntity, groupId: string): Promise<News | undefined> {
    const group = await this.groups.read(groupId);
    const end = endOf(group);
    if (end !== undefined) return this.isRecent(end) ? { known: end } : undefined;
    return group.notice?.delivery === 'push' && !group.notice.deleted ? this.newestKey(caller, group) : undefined;
  }

  /** One that was made for a key before or after the one that the caller proved does not open with it: it pulls. */
  private async newestKey(caller: CallerEntity, { groupId, statements }: KnownGroup): Promise<News | undefined> {
    const known = statements.at(-1);
    if (known === undefined) return undefined;
    const envelope = await this.envelopes.find(caller.entity, groupId, known.statement.version);
    const opens = envelope !== undefined && (caller.by.kind === 'certificate' || isForKeyOf(caller, envelope));
    return opens ? { known, envelope } : undefined;
  }

  private isRecent({ statement }: KnownStatement): boolean {
    return this.clock.now() - statement.activateAt < END_TOLD_MS;
  }
}

const response = ({ known, envelope }: News): WatchGroupKeysResponse => ({
  delivery: groupKeyDelivery({ signed: known, ...(envelope && { own: envelope.own }) }),
  traceparent: known.traceparent,
});
