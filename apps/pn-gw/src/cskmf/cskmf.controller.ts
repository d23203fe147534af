/** What entities ask of SECA in a PN GW: a member's envelope, and to be told of each new Group Key. */
import {
  checkGatewayGroupKeyDelivery,
  NO_PAGE,
  type GroupKeyDelivery,
  groupKeyDelivery,
  type PnGatewayServicePullGroupKeyRequest,
  PnGatewayServiceService,
  type WatchGroupKeysRequest,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import {
  checkGroupId,
  Clock,
  CpnsError,
  duration,
  failedPrecondition,
  invalidArgument,
  unauthenticated,
} from '@cpns/core';
import { Timers } from '@cpns/delivery';
import { parseEnvelope, stateAmong } from '@cpns/group-key';
import type { CallContext, Handlers, ServerStreamContext } from '@cpns/grpc';
import { FlowStep, GrpcController } from '@cpns/platform';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { type LiveCaller, LiveCredentials, shownBy } from '../live-credentials/live-credentials';
import { ServerClients } from '../peers/peer-clients';
import {
  endOf,
  isDeleted,
  type KnownGroup,
  KnownGroups,
  type KnownStatement,
  statementOf,
} from '../service-group/known-groups';
import { checkAnswersFor, Statements } from '../service-group/statements';
import { Envelopes, GroupKeyHub, type HeldEnvelope, type Watcher } from './envelopes';

const FLOW = 'GK-PULL';

interface Asked {
  readonly caller: LiveCaller;
  readonly group: KnownGroup;
  /** 0 for the newest. */
  readonly version: bigint;
  readonly call: CallContext;
}

/** What the gateway holds of a version for a member. */
interface Held {
  readonly known: KnownStatement;
  readonly envelope: HeldEnvelope;
}

/** GK-PULL steps 2 to 4: a member asks the gateway for its envelope, which holds it or asks the Server. */
@Injectable()
export class PullGroupKey {
  constructor(
    private readonly own: OwnGateway,
    private readonly credentials: LiveCredentials,
    private readonly clock: Clock,
    private readonly server: ServerClients,
    private readonly groups: KnownGroups,
    private readonly statements: Statements,
    private readonly envelopes: Envelopes,
  ) {}

  /**
   * @throws CpnsError a field's reason; PROOF_MISSING, PN_MISMATCH; GROUP_DELETED; what the Server answers;
   *   DEPENDENCY_UNAVAILABLE while it is away and the envelope is not here
   */
  async execute(request: PnGatewayServicePullGroupKeyRequest, call: CallContext): Promise<GroupKeyDelivery> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const caller = await this.credentials.caller(call);
    const group = await this.groups.read(groupId);
    if (isDeleted(group))
      throw failedPrecondition('GROUP_DELETED', 'the Service Group was deleted; its id is never used again');
    const asked: Asked = { caller, group, version: request.version, call };
    const held = await this.held(asked);
    if (held !== undefined && this.serves(asked, held)) return delivery(held);
    try {
      return await this.fromServer(asked);
    } catch (error) {
      // what is held opens for its owner, if for anyone: nothing is given away with it
      if (held === undefined || !isAway(error) || held.envelope.keyId !== caller.keyId) throw error;
      return delivery(held);
    }
  }

  /** What the gateway holds for the caller of the version that it asks for. */
  private async held({ caller, group, version }: Asked): Promise<Held | undefined> {
    const { notice, groupId } = group;
    if (notice !== undefined && !(await this.groups.isMemberHere(groupId, caller.entity))) return undefined;
    const known = statementOf(group, version === 0n ? newestVersion(group) : version);
    if (known === undefined) return undefined;
    const envelope = await this.envelopes.find(caller.entity, groupId, known.statement.version);
    return envelope && { known, envelope };
  }

  /**
   * Whether that is an answer while the Server could be asked. Not before the first notice: what is newest is not known
   * then. Nor once half of the time is over in which members seal with it: the Server then says that they may for longer.
   */
  private serves({ caller, group }: Asked, { known, envelope }: Held): boolean {
    if (group.notice === undefined || envelope.keyId !== caller.keyId) return false;
    const now = this.clock.now();
    const all = group.statements.map(({ statement }) => statement);
    const state = stateAmong(known.statement, all, now);
    // one that is superseded is opened with alone, until it retires
    if (state === 'grace' || state === 'retired') return state === 'grace';
    return known.statement.sealUntil - now >= group.notice.sealPeriod / 2;
  }

  /** Steps 3 and 4. */
  private async fromServer({ caller, group, version, call }: Asked): Promise<GroupKeyDelivery> {
    const { groupId } = group;
    const { entity } = caller;
    const response = await withinStep({ flow: FLOW, step: 3 }, () =>
      this.server.groupKeyDelivery.pullGroupKey({ groupId, version, entity, ...NO_PAGE }, { within: call }),
    );
    const { signed, envelopes } = checkGatewayGroupKeyDelivery(response.delivery);
    checkAnswersFor(groupId, signed);
    this.statements.check(signed, envelopes);
    const [first, ...others] = envelopes;
    if (first?.entity.uri !== entity || others.length > 0)
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'the answer holds another envelope than the one that was asked for', {
        metadata: { field: 'envelopes' },
      });
    const { version: given } = signed.statement;
    checkVersion(group, version, given);
    const { own } = first;
    await withinStep({ flow: FLOW, step: 4 }, async () => {
      // one that a push overtook meanwhile was the newest when it was asked for
      await this.statements.keep(signed, { asked: given });
      await this.keep(caller, group, { version: given, keyId: parseEnvelope(own).keyId, own });
    });
    emitStep({ flow: FLOW, step: 4, from: this.server.uri, to: this.own.uri, carried: ['statement', 'envelope'] });
    return groupKeyDelivery({ signed, own });
  }

  /** One who is not among the members that the newest notice names has left, or comes with the next one: nothing is kept. */
  private async keep({ entity }: LiveCaller, { groupId }: KnownGroup, envelope: HeldEnvelope): Promise<void> {
    if (await this.groups.isMemberHere(groupId, entity)) await this.envelopes.keep(entity, groupId, envelope);
  }
}

/** As the notice says, unless the Server said of a higher one meanwhile. */
function newestVersion({ notice, statements }: KnownGroup): bigint {
  const noticed = notice?.keyVersion ?? 0n;
  const stated = statements.at(-1)?.statement.version ?? 0n;
  return noticed > stated ? noticed : stated;
}

/** @throws CpnsError STATEMENT_LOWER for an answer that goes back; FIELD_OUT_OF_RANGE for another version than was asked for */
function checkVersion(group: KnownGroup, asked: bigint, given: bigint): void {
  if (asked === 0n && given < newestVersion(group))
    throw failedPrecondition('STATEMENT_LOWER', 'a newer statement about the group was seen before');
  if (asked !== 0n && given !== asked)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'the answer is about another version', {
      metadata: { field: 'version' },
    });
}

const isAway = (error: unknown): boolean => error instanceof CpnsError && error.code === 'UNAVAILABLE';

const delivery = ({ known, envelope }: Held): GroupKeyDelivery =>
  groupKeyDelivery({ signed: known, own: envelope.own });

/** How long a member that was away is still told that a group ended, milliseconds. */
const END_TOLD_MS = duration(30, 'day');

/** At the end of a group there is no envelope, and none in an emergency where the member has to pull its own. */
type News = Pick<Held, 'known'> & Partial<Held>;

/**
 * GK-PUSH inside the PN: a PNE is told of each new Group Key of its groups that push, of each emergency, and of each group that
 * ended.
 */
@Injectable()
export class WatchGroupKeys {
  constructor(
    private readonly credentials: LiveCredentials,
    private readonly clock: Clock,
    private readonly timers: Timers,
    private readonly groups: KnownGroups,
    private readonly envelopes: Envelopes,
    private readonly hub: GroupKeyHub,
    private readonly config: GatewayConfig,
  ) {}

  /**
   * Resolves when the watch has lasted its time: the caller watches again.
   * @throws CpnsError what {@link LiveCredentials.caller} throws, also when what the caller showed is no longer live;
   *   CERTIFICATE_EXPIRED; SUPERSEDED when it watches again
   */
  async execute(call: ServerStreamContext<WatchGroupKeysResponse>): Promise<void> {
    const caller = await this.credentials.caller(call);
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

  /** What the caller showed is to be shown again from time to time; that it ended meanwhile the hub is told. */
  private endInTime(watcher: Watcher, { peer }: CallContext): () => void {
    const { watchLifetime } = this.config;
    const expiresIn = (peer?.notAfter ?? Infinity) - this.clock.now();
    if (expiresIn > watchLifetime) return this.timers.after(watchLifetime, () => watcher.end());
    return this.timers.after(expiresIn, () =>
      watcher.end(unauthenticated('CERTIFICATE_EXPIRED', 'your certificate has expired; renew it')),
    );
  }

  private async serve(watcher: Watcher, call: ServerStreamContext<WatchGroupKeysResponse>): Promise<void> {
    const sent = new Map<string, News>();
    for (let groupId = await watcher.next(); groupId !== undefined; groupId = await watcher.next()) {
      // the credential may have ended between the look at it and the beginning of the watch
      await this.credentials.check(watcher.caller.entity, shownBy(watcher.caller));
      const news = await this.newest(watcher.caller, groupId);
      if (news === undefined || !isNews(news, sent.get(groupId))) continue;
      await call.write(response(news));
      sent.set(groupId, news);
    }
  }

  /** What a member of the group is told now, if anything. */
  private async newest(caller: LiveCaller, groupId: string): Promise<News | undefined> {
    const group = await this.groups.read(groupId);
    const end = endOf(group);
    if (end !== undefined)
      return this.clock.now() - end.statement.activateAt < END_TOLD_MS ? { known: end } : undefined;
    return group.notice === undefined || group.notice.deleted ? undefined : this.newestKey(caller, group);
  }

  /**
   * An envelope for a key before or after the one that the caller proved does not open with it: it pulls, as all members of
   * a group that does not push do. They are told only that nothing older opens any more.
   */
  private async newestKey(caller: LiveCaller, { groupId, notice, statements }: KnownGroup): Promise<News | undefined> {
    const known = statements.at(-1);
    if (known === undefined) return undefined;
    const isPushed = notice?.delivery === 'push';
    const envelope = isPushed && (await this.envelopes.find(caller.entity, groupId, known.statement.version));
    if (envelope && envelope.keyId === caller.keyId) return { known, envelope };
    return known.isEmergency === true ? { known } : undefined;
  }
}

/** A higher version than was told before, or the envelope that was missing then. */
function isNews({ known, envelope }: News, before: News | undefined): boolean {
  if (before === undefined) return true;
  const { version } = before.known.statement;
  if (known.statement.version !== version) return known.statement.version > version;
  return envelope !== undefined && before.envelope === undefined;
}

const response = ({ known, envelope }: News): WatchGroupKeysResponse => ({
  delivery: groupKeyDelivery({ signed: known, ...(envelope && { own: envelope.own }) }),
  traceparent: known.traceparent,
});

const { pullGroupKey, watchGroupKeys } = PnGatewayServiceService;
const SERVED = { pullGroupKey, watchGroupKeys };

/** CPNS-1 on the wire: Group Keys. */
@GrpcController(SERVED)
export class CskmfController implements Handlers<typeof SERVED> {
  constructor(
    private readonly pull: PullGroupKey,
    private readonly watch: WatchGroupKeys,
  ) {}

  @FlowStep('GK-PULL', 2, ['group_id', 'version'])
  async pullGroupKey(@Payload() request: PnGatewayServicePullGroupKeyRequest, @Ctx() call: CallContext) {
    return { delivery: await this.pull.execute(request, call) };
  }

  watchGroupKeys(
    @Payload() _request: WatchGroupKeysRequest,
    @Ctx() call: ServerStreamContext<WatchGroupKeysResponse>,
  ): Promise<void> {
    return this.watch.execute(call);
  }
}
