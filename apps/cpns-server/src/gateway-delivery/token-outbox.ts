import { wireKeyForm } from '@cpns/contracts';
import { Clock, duration, parseEntityUri, type EntityName } from '@cpns/core';
import { BackgroundLoop, OwnIdentity } from '@cpns/platform';
import { at, pagesOf, Store, type Aggregate } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMISSION, admissionName, EntityRecords, type AdmissionRecord } from '../entities/records';
import { GatewayRecords, isInForce } from '../gateways/records';
import { GatewayLog } from './gateway-delivery';

/** One for all entities: a sweep would otherwise have to look at each of them. */
const DUE: Aggregate = { kind: 'due', id: 'tokens' };
/** The set of `<Unix ms> <token-id> <E>`: it says where to look, and the admission what there is to tell. */
const DUE_SET = 'due';
const PAGE = 500;
const SWEEP_EVERY_MS = duration(10, 'second');
/** For so long the call that wrote an item down may still be at work on it. */
const YOUNG_MS = duration(5, 'second');
/** No call takes longer than that before it commits what it wrote the item down for. */
const FORGET_AFTER_MS = duration(1, 'hour');

/**
 * What gateways have to hear of the tokens that they assign under: that one is granted, or revoked. It is written down where
 * to look before an admission changes, and forgotten once its gateway's log has it: whichever commit is the last before a
 * crash, a sweep finds what is left to tell in the admission itself.
 */
@Injectable()
export class TokenOutbox extends BackgroundLoop {
  constructor(
    private readonly own: OwnIdentity,
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    super();
  }

  /** Makes a change of admissions of an entity, and tells their assigners. @throws CpnsError what the change throws */
  async around<R>({ uri }: EntityName, tokenIds: readonly string[], change: () => Promise<R>): Promise<R> {
    const items = tokenIds.map((tokenId) => `${this.clock.now()} ${tokenId} ${uri}`);
    if (items.length > 0) await this.store.commit(DUE, { addTo: items.map((member) => ({ set: DUE_SET, member })) });
    const result = await change();
    for (const item of items) await this.carry(item);
    return result;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sweep(signal).catch((error: unknown) =>
        this.logger.warn('what gateways have to hear of tokens could not be passed to them', { error }),
      );
      await sleep(SWEEP_EVERY_MS, undefined, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  /** Carries on what other calls and earlier processes left behind. */
  async sweep(signal?: AbortSignal): Promise<void> {
    for await (const items of pagesOf(this.store, DUE, DUE_SET, PAGE))
      for (const item of items) {
        if (signal?.aborted) return;
        if (this.clock.now() - writtenAt(item) > YOUNG_MS) await this.carry(item);
      }
  }

  private async carry(item: string): Promise<void> {
    const [, tokenId = '', entity = ''] = item.split(' ');
    const isTold = await this.tell(parseEntityUri(entity), tokenId);
    if (isTold || this.clock.now() - writtenAt(item) > FORGET_AFTER_MS)
      await this.store.commit(DUE, { removeFrom: [{ set: DUE_SET, member: item }] });
  }

  /** @returns false while the admission is not there */
  private async tell(entity: EntityName, tokenId: string): Promise<boolean> {
    const { admission } = await this.entities.read(entity, { admission: at(ADMISSION, admissionName(tokenId)) });
    if (admission === undefined) return false;
    if (admission.assigner === this.own.uri) return true;
    if (admission.state === 'revoked') await this.tellRevoked(admission);
    else if (admission.grantSequence === undefined) await this.grant(entity, admission);
    return true;
  }

  private async tellRevoked({ assigner, tokenId, entity }: AdmissionRecord): Promise<void> {
    await this.log.append(assigner, `token-revoked.${tokenId}`, {
      $case: 'tokenRevocation',
      value: { tokenId, entity },
    });
  }

  /** An admission of a life that is over is granted to no successor. */
  private async grant(name: EntityName, admission: AdmissionRecord): Promise<void> {
    const { assigner, assignerLife, tokenId, entity, user, form, authKey, expiresAt, admittedAt } = admission;
    if (authKey === undefined || !isInForce(await this.gateways.identityOf(assigner), assignerLife)) return;
    const grantSequence = await this.log.append(assigner, `token.${tokenId}`, {
      $case: 'tokenGrant',
      value: {
        tokenId,
        entity,
        user,
        form: wireKeyForm(form),
        tokenAuthKey: authKey.expose(),
        expiresAt: BigInt(expiresAt),
        admittedAt: BigInt(admittedAt),
      },
    });
    const wanted = { latest: at(ADMISSION, admissionName(tokenId)) };
    await this.entities.transact(name, wanted, ({ latest }) =>
      latest === undefined
        ? { result: undefined }
        : { result: undefined, put: { latest: { ...latest, grantSequence } } },
    );
  }
}

const writtenAt = (item: string): number => Number(item.split(' ', 1)[0]);
