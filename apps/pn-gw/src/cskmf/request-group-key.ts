/** Group Keys that the gateway requests from the Server's CSKMF for all members of a group: FLOW-PULL, steps 8 to 11. */
import { type CheckedGatewayDelivery, checkGatewayGroupKeyDelivery, DELIVERY_ENVELOPES_MAX } from '@cpns/contracts';
import { duration, invalidArgument, isRefusal } from '@cpns/core';
import { OutboxRelay, type OutboxRelayOptions } from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { type Aggregate, at, Records, Store } from '@cpns/store';
import { emitStep, Logger, withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { ServerClients } from '../peers/peer-clients';
import { GROUP_KIND, groupAggregate, KnownGroups, type NoticeRecord } from '../service-group/known-groups';
import { checkAnswersFor, Statements } from '../service-group/statements';
import { AVAILABLE, Envelopes, GroupKeyHub } from './envelopes';

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
