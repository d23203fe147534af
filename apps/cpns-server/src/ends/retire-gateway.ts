/** A gateway is to be revoked by a date: until then its entities keep everything, and are moved to another assigner. */
import { fields, type EndReport, type RetireGatewayRequest } from '@cpns/contracts';
import { Clock, CpnsError, duration, failedPrecondition, invalidArgument, parseEntityUri } from '@cpns/core';
import { BackgroundLoop } from '@cpns/platform';
import { at, Store } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { DueSet } from '../gateway-log/due-set';
import { GatewayRecords, IDENTITY } from '../gateways/records';
import { Endings } from './endings';

const LOOK_EVERY = duration(1, 'second');
/** How long what follows from the end of one gateway is waited for, before the next. */
const PATIENCE = duration(10, 'second');

/** The dates of gateways, by which they are looked at. */
const datesOf = (store: Store, clock: Clock) => new DueSet(store, clock, 'retirements');

@Injectable()
export class RetireGateway {
  readonly #dates: DueSet;

  constructor(
    private readonly gateways: GatewayRecords,
    private readonly endings: Endings,
    store: Store,
    private readonly clock: Clock,
  ) {
    this.#dates = datesOf(store, clock);
  }

  /**
   * @param until when the answer has to be there, Unix milliseconds of the process
   * @returns what will follow
   * @throws CpnsError a field's reason; NOT_FOUND; GATEWAY_NOT_PROVISIONED for one that was revoked
   */
  async execute(request: RetireGatewayRequest, until: number): Promise<EndReport> {
    const { uri } = parseEntityUri(request.entity, 'entity');
    const date = request.at === 0n ? undefined : this.checkDate(request.at);
    const before = await this.gateways.identityOf(uri);
    if (before === undefined) throw new CpnsError('NOT_FOUND', 'no gateway of that name has enrolled');
    if (before.state !== 'live') throw isRevoked();
    // where to look first: a date that was taken back is looked at in vain
    if (date !== undefined && before.retireAt !== date) await this.#dates.add([uri], date);
    const identity = await this.gateways.transact(uri, { identity: at(IDENTITY) }, ({ identity: latest }) => {
      if (latest?.state !== 'live') throw isRevoked();
      if (latest.retireAt === date) return { result: latest };
      const { retireAt, ...rest } = latest;
      const next = { ...rest, ...(date !== undefined && { retireAt: date }) };
      return { result: next, put: { identity: next } };
    });
    const how = { keepGrace: true, isDry: true, until };
    return this.endings.reportOfGateway(identity, await this.endings.ofGateway(identity, how), how);
  }

  private checkDate(value: bigint): number {
    const date = fields.time(value, 'at');
    if (date <= this.clock.now())
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'at has passed', { metadata: { field: 'at' } });
    return date;
  }
}

const isRevoked = () => failedPrecondition('GATEWAY_NOT_PROVISIONED', 'the gateway was revoked');

/** Revokes gateways whose date has come. */
@Injectable()
export class RetirementsLoop extends BackgroundLoop {
  readonly #dates: DueSet;

  constructor(
    private readonly gateways: GatewayRecords,
    private readonly endings: Endings,
    store: Store,
    clock: Clock,
    private readonly logger: Logger,
  ) {
    super();
    this.#dates = datesOf(store, clock);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.round(signal).catch((error: unknown) =>
        this.logger.warn('gateways whose date has come could not be revoked', { error }),
      );
      await sleep(LOOK_EVERY, undefined, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async round(signal?: AbortSignal): Promise<void> {
    for await (const items of this.#dates.left(signal, 0)) for (const item of items) await this.retire(item);
  }

  private async retire(item: string): Promise<void> {
    const [date, gateway = ''] = item.split(' ');
    const identity = await this.gateways.identityOf(gateway);
    const isMeant = ({ retireAt }: { readonly retireAt?: number }) => retireAt === Number(date);
    if (identity !== undefined && isMeant(identity)) {
      this.logger.info('a gateway is revoked, since its date has come', { gateway });
      // messages under way are spared: it did nothing wrong
      const how = { keepGrace: true, isDry: false, until: Date.now() + PATIENCE, signal: this.over };
      await this.endings.follow(await this.endings.ofGateway(identity, how, isMeant), how);
    } else if (!this.#dates.isForgotten(item)) return;
    await this.#dates.remove([item]);
  }
}
