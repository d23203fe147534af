/** Group Keys that come to the gateway from the Server's CSKMF: pushed, or requested for all members of a group. */
import {
  type CheckedGatewayDelivery,
  checkGatewayGroupKeyDelivery,
  DELIVERY_ENVELOPES_MAX,
  type GatewayGroupKeyDelivery,
} from '@cpns/contracts';
import { duration, failedPrecondition, invalidArgument, isRefusal } from '@cpns/core';
import { OutboxRelay, type OutboxRelayOptions } from '@cpns/delivery';
import { endsGroup, type Statement } from '@cpns/group-key';
import { BackgroundLoop } from '@cpns/platform';
import { type Aggregate, at, Records, Store } from '@cpns/store';
import {
  beginStep,
  type CarriedField,
  emitStep,
  linkTo,
  Logger,
  withinStep,
  withStepChain,
  withTraceparent,
} from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { ServerClients } from '../peers/peer-clients';
import {
  checkAnswersFor,
  GROUP_KIND,
  groupAggregate,
  type KnownGroup,
  KnownGroups,
  noticedStep,
  type NoticeRecord,
  Statements,
} from '../service-group/known-groups';
import { AVAILABLE, Envelopes, GroupKeyHub, HeldPushes, type WaitingPush } from './envelopes';

const ENVELOPES: readonly CarriedField[] = ['statement', 'envelopes'];

/** Which flow a push belongs to, from what it says. */
function flowOf(statement: Statement): 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE' {
  if (endsGroup(statement)) return 'GK-DELETE';
  return statement.previous === 0n ? 'FLOW-PUSH' : 'GK-UPDATE-M';
}

/** True once the notice of the membership that a push is made for, or of the group's end, has come. */
const isNoticed = (notice: NoticeRecord | undefined, statement: Statement): boolean =>
  notice !== undefined && (notice.deleted || (!endsGroup(statement) && statement.version <= notice.keyVersion));

/** FLOW-PUSH, GK-UPDATE-M and GK-DELETE, step 8 at the gateway (GK-PUSH): CSKMF pushes, SECA keeps and passes on. */
@Injectable()
export class AcceptPush {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly groups: KnownGroups,
    private readonly statements: Statements,
    private readonly envelopes: Envelopes,
    private readonly held: HeldPushes,
    private readonly hub: GroupKeyHub,
    private readonly logger: Logger,
  ) {}

  /**
   * Resolves when the push is kept, or waits for its notice.
   * @param traceparent of what caused it
   * @throws CpnsError a field's reason; SIGNATURE_INVALID and the others of {@link Statements}; PN_MISMATCH
   */
  async execute(message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    const delivery = this.check(message);
    const { statement } = delivery.signed;
    await this.groups.mutex.run(statement.groupId, async () => {
      const group = await this.groups.read(statement.groupId);
      if (isNoticed(group.notice, statement)) await this.accept(delivery, group);
      else await this.held.hold(statement, message, traceparent);
    });
  }

  /** Accepts what waited for a notice that has come now. Called in the group's turn. */
  async release(groupId: string): Promise<void> {
    for (const waiting of await this.held.of(groupId)) {
      const group = await this.groups.read(groupId);
      const delivery = this.check(waiting.delivery);
      if (!isNoticed(group.notice, delivery.signed.statement)) continue;
      await this.acceptWaiting(waiting, delivery, group);
      await this.held.remove(waiting);
    }
  }

  private async acceptWaiting(
    { traceparent, version }: WaitingPush,
    delivery: CheckedGatewayDelivery,
    group: KnownGroup,
  ) {
    try {
      await withTraceparent(traceparent, () => withStepChain(traceparent, () => this.accept(delivery, group)));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { groupId } = group;
      this.logger.warn('a push that waited is of no more use', {
        groupId,
        version: String(version),
        error,
      });
    }
  }

  private check(message: GatewayGroupKeyDelivery): CheckedGatewayDelivery {
    const delivery = checkGatewayGroupKeyDelivery(message);
    this.statements.check(delivery.signed, delivery.envelopes);
    return delivery;
  }

  /** Envelopes first, then the statement without which they are nothing: a crash in between is mended by doing it again. */
  private async accept({ signed, envelopes, part, more }: CheckedGatewayDelivery, group: KnownGroup): Promise<void> {
    const { own, server, statements } = this;
    const { statement } = signed;
    const { groupId, version } = statement;
    const ends = endsGroup(statement);
    const keep = () => this.envelopes.keepAll(groupId, version, envelopes);
    if (group.notice?.deleted === true && !ends)
      throw failedPrecondition('GROUP_DELETED', 'a key of a group that was deleted is of no use');
    // refused before anything is kept
    statements.with(group.statements, signed);
    if (more) return void (await keep());
    const flow = flowOf(statement);
    const noticed = linkTo(noticedStep(group.notice, statement));
    const step = beginStep({
      flow,
      step: 8,
      from: server.uri,
      to: own.uri,
      carried: ends ? ['statement'] : ENVELOPES,
      links: noticed === undefined ? [] : [noticed],
    });
    const told = await withinStep({ flow, step: 8 }, async () => {
      const kept = await keep();
      await statements.keep(signed, { traceparent: step.traceparent });
      // members of earlier parts hear now that the statement is there
      return ends || part > 0 ? this.groups.members(groupId) : kept;
    });
    step.done();
    this.hub.publish(groupId, told);
  }
}

const FLOW = 'FLOW-PULL';
/** The Server wraps the key for every member behind this gateway. */
const DEADLINE_MS = duration(30, 'second');

/** How a request is tried again; as every relay does it, unless said. */
export abstract class RequestingOptions {
  abstract readonly backoff?: NonNullable<OutboxRelayOptions['backoff']>;
}

/**
 * FLOW-PULL steps 8 to 11: SMF in PN GW asks SECA for the key of a group that it was told of, SECA asks the Server's CSKMF.
 * The notice's commit puts the request into the group's outbox; from there it is carried on beside the notices, with
 * growing pauses while the Server is away, and after a restart.
 */
@Injectable()
export class RequestGroupKey extends BackgroundLoop {
  readonly #relay: OutboxRelay;
  /** By group-id: step 8 of the request under way. */
  readonly #begun = new Map<string, string>();
  /** Ends the call under way when the gateway stops. */
  #over: AbortSignal | undefined;

  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly records: Records,
    private readonly groups: KnownGroups,
    private readonly statements: Statements,
    private readonly envelopes: Envelopes,
    private readonly hub: GroupKeyHub,
    private readonly logger: Logger,
    store: Store,
    options: RequestingOptions,
  ) {
    super();
    this.#relay = new OutboxRelay({
      ...options,
      store,
      kind: GROUP_KIND,
      carry: (aggregate, { value }) => this.carry(aggregate, value.toString()),
      onFailure: ({ id }, error, retryIn) =>
        logger.warn('a Group Key could not be requested yet', { groupId: id, error, retryInMs: retryIn }),
    });
  }

  /** A request may be in the group's outbox now. */
  wake(groupId: string): void {
    this.#relay.wake(groupAggregate(groupId));
  }

  /** Until the signal aborts; begins with what was left undone before. */
  run(signal: AbortSignal): Promise<void> {
    this.#over = signal;
    return this.#relay.run(signal);
  }

  /** Does one request, unless it was answered by another one. @throws CpnsError what may be better next time */
  private async carry({ id: groupId }: Aggregate, traceparent: string): Promise<void> {
    const { notice } = await this.groups.read(groupId);
    const { available } = await this.records.read(groupAggregate(groupId), WANTED);
    if (notice === undefined || notice.deleted || (available?.version ?? 0n) >= notice.keyVersion) return;
    const noticed = notice.noticed.findLast((one) => one.version === notice.keyVersion)?.traceparent ?? '';
    const before = this.#begun.get(groupId) ?? (noticed === '' ? traceparent : noticed);
    try {
      await withTraceparent(before, () => withStepChain(before, () => this.request(notice)));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // its members ask for themselves, and are told why
      this.logger.warn('the Server gives no Group Key for members here', { groupId, error });
    }
    this.#begun.delete(groupId);
  }

  private async request(notice: NoticeRecord): Promise<void> {
    if (notice.delivery === 'pull' && !this.#begun.has(notice.groupId)) this.#begun.set(notice.groupId, this.report(8));
    const { groupId } = notice;
    const kept: string[] = [];
    let given = 0n;
    for await (const { signed, envelopes, isLast } of this.pages(groupId)) {
      const { version } = signed.statement;
      given = version;
      await withinStep({ flow: FLOW, step: 10 }, async () => {
        kept.push(...(await this.envelopes.keepAll(groupId, version, envelopes)));
        // without which the envelopes are nothing: a crash before it is mended by asking again
        if (isLast) await this.statements.keep(signed);
      });
    }
    if (notice.delivery === 'pull') this.report(10);
    await withinStep({ flow: FLOW, step: 11 }, () => this.end(groupId, given));
    if (notice.delivery === 'pull') this.report(11);
    // a push that was missed: those who watch have not heard of it
    this.hub.publish(groupId, kept);
  }

  /**
   * The notice says where the key is; who answers there has to be the CPNS Server. A gateway has one way to that Server, by
   * the address that it was given to enrol with. All pages are about the version that the first one brought.
   */
  private async *pages(groupId: string): AsyncGenerator<CheckedGatewayDelivery & { readonly isLast: boolean }> {
    let version = 0n;
    let pageToken = '';
    do {
      const page = await this.ask({ groupId, version, pageToken });
      yield { ...page, isLast: page.nextPageToken === '' };
      version = page.signed.statement.version;
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  private async ask(page: { readonly groupId: string; readonly version: bigint; readonly pageToken: string }) {
    const options = { deadlineMs: DEADLINE_MS, ...(this.#over && { signal: this.#over }) };
    const { delivery: message, nextPageToken } = await withinStep({ flow: FLOW, step: 9 }, () =>
      this.server.groupKeyDelivery.pullGroupKey({ ...page, entity: '', pageSize: DELIVERY_ENVELOPES_MAX }, options),
    );
    const delivery = checkGatewayGroupKeyDelivery(message);
    checkAnswersFor(page.groupId, delivery.signed);
    this.statements.check(delivery.signed, delivery.envelopes);
    if (page.version !== 0n && delivery.signed.statement.version !== page.version) throw otherPage('version');
    if (nextPageToken !== '' && nextPageToken === page.pageToken) throw otherPage('next_page_token');
    return { ...delivery, nextPageToken };
  }

  private async end(groupId: string, version: bigint): Promise<void> {
    await this.records.transact(groupAggregate(groupId), WANTED, () => ({
      result: undefined,
      put: { available: { version } },
    }));
  }

  private report(step: 8 | 10 | 11): string {
    const { own, server } = this;
    const carried = {
      8: ['group_id', 'key_location'],
      10: ['statement', 'envelopes'],
      11: ['group_id', 'key_version'],
    } as const;
    return emitStep({
      flow: FLOW,
      step,
      from: step === 10 ? server.uri : own.uri,
      to: own.uri,
      carried: carried[step],
    });
  }
}

const WANTED = { available: at(AVAILABLE) };

const otherPage = (field: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', 'a page of the answer does not follow the page before', {
    metadata: { field },
  });
