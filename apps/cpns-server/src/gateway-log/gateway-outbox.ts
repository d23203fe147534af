import { Clock, CpnsError, duration, parseEntityUri, type EntityName } from '@cpns/core';
import { BackgroundLoop, OwnIdentity } from '@cpns/platform';
import { at, Store } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Credentials } from '../entities/credentials';
import { ADMISSION, admissionName, EntityRecords, type AdmissionRecord } from '../entities/records';
import { GatewayRecords, isInForce, lifeOf } from '../gateways/records';
import { DueSet } from './due-set';
import { GatewayLog } from './gateway-log';

const SWEEP_EVERY_MS = duration(10, 'second');

/** Where to look for what is to be told: a few words, then an E. */
export type Due = `${string} ${string}`;
/** An admission: its assigner is told. */
export const dueToken = (tokenId: string, { uri }: EntityName): Due => `${tokenId} ${uri}`;
/** A key, once its record has a higher revision than it has now: all gateways of the PN are told. */
export const dueCredential = (revision: bigint, { uri }: EntityName): Due => `credential.${revision} ${uri}`;
/** What a gateway assigned, once it is in a later life than now: all gateways of the PN are told. */
export const dueAssigner = (life: bigint, gateway: string): Due => `assigner.${life} ${gateway}`;
/** The Group Key of a group, for one gateway. */
const dueGroup = (groupId: string, gateway: string): Due => `group.${groupId} ${gateway}`;

/**
 * What gateways have to hear. It is written down where to look before the records change, and forgotten once the gateways'
 * logs have it: whichever commit is the last before a crash, a sweep finds what is left to tell in the records themselves.
 */
@Injectable()
export class GatewayOutbox extends BackgroundLoop {
  readonly #due: DueSet;

  constructor(
    private readonly own: OwnIdentity,
    private readonly entities: EntityRecords,
    private readonly credentials: Credentials,
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
    store: Store,
    clock: Clock,
    private readonly logger: Logger,
  ) {
    super();
    this.#due = new DueSet(store, clock, 'tokens');
  }

  /** Makes a change, and tells the gateways. @throws CpnsError what the change throws */
  async around<R>(due: readonly Due[], change: () => Promise<R>): Promise<R> {
    const items = await this.#due.add(due);
    const result = await change();
    for (const item of items) await this.tell(item);
    await this.#due.remove(items);
    return result;
  }

  /** Has a gateway told of a group again in a while, whose Group Key could not be had now. */
  async later(groupId: string, gateway: string): Promise<void> {
    await this.#due.add([dueGroup(groupId, gateway)]);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sweep(signal).catch((error: unknown) =>
        this.logger.warn('what gateways have to hear could not be passed to them', { error }),
      );
      await sleep(SWEEP_EVERY_MS, undefined, { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  /** Carries on what other calls and earlier processes left behind. */
  async sweep(signal?: AbortSignal): Promise<void> {
    for await (const items of this.#due.left(signal))
      for (const item of items) {
        if (signal?.aborted) return;
        await this.carryOn(item).catch((error: unknown) => {
          // a record that was altered holds up nothing that concerns others
          if (!(error instanceof CpnsError) || error.reason !== 'STORED_RECORD_INVALID') throw error;
          this.logger.error('what gateways have to hear cannot be told', { error });
        });
      }
  }

  private async carryOn(item: string): Promise<void> {
    if ((await this.tell(item)) || this.#due.isForgotten(item)) await this.#due.remove([item]);
  }

  /** @returns false while the change is not there */
  private async tell(item: string): Promise<boolean> {
    const [time = '', what = '', uri = ''] = item.split(' ');
    const [kind = '', before = ''] = what.split('.', 2);
    switch (kind) {
      case 'credential':
        return this.tellCredential(parseEntityUri(uri), BigInt(before));
      case 'assigner':
        return this.tellAssigner(parseEntityUri(uri), BigInt(before));
      case 'group':
        await this.log.append(uri, { kind, name: what.slice('group.'.length) }, `at${time}`);
        return true;
      default:
        return this.tellToken(parseEntityUri(uri), what);
    }
  }

  private async tellCredential(name: EntityName, before: bigint): Promise<boolean> {
    const revision = (await this.credentials.of(name))?.revision ?? 0n;
    if (revision <= before) return false;
    await this.log.appendForAll(name.pnId, { kind: 'credential', name: name.uri }, String(revision));
    return true;
  }

  private async tellAssigner({ pnId, uri }: EntityName, before: bigint): Promise<boolean> {
    const identity = await this.gateways.identityOf(uri);
    const life = identity === undefined ? 0n : lifeOf(identity);
    if (life <= before) return false;
    await this.log.appendForAll(pnId, { kind: 'assigner', name: uri }, String(life));
    return true;
  }

  private async tellToken(entity: EntityName, tokenId: string): Promise<boolean> {
    const { admission } = await this.entities.read(entity, { admission: at(ADMISSION, admissionName(tokenId)) });
    if (admission === undefined) return false;
    const { assigner, state, grantSequence } = admission;
    if (assigner === this.own.uri) return true;
    if (state === 'revoked') await this.log.append(assigner, { kind: 'token', name: tokenId }, 'revoked');
    else if (grantSequence === undefined) await this.grant(entity, admission);
    return true;
  }

  /** An admission of a life that is over is granted to no successor. */
  private async grant(entity: EntityName, { tokenId, assigner, assignerLife }: AdmissionRecord): Promise<void> {
    if (!isInForce(await this.gateways.identityOf(assigner), assignerLife)) return;
    const grantSequence = await this.log.append(assigner, { kind: 'token', name: tokenId }, 'granted');
    const wanted = { latest: at(ADMISSION, admissionName(tokenId)) };
    await this.entities.transact(entity, wanted, ({ latest }) =>
      latest === undefined
        ? { result: undefined }
        : { result: undefined, put: { latest: { ...latest, grantSequence } } },
    );
  }
}
