import { wireKeyForm, type GatewayGroupKeyDelivery, type OpenDeliveryChannelResponse } from '@cpns/contracts';
import { Clock, CpnsError, parseEntityUri } from '@cpns/core';
import { at, type LogEntry } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GroupKeyDeliveries } from '../cskmf/group-key-deliveries';
import { Credentials } from '../entities/credentials';
import { ADMISSION, admissionName, EntityRecords, type AdmissionRecord } from '../entities/records';
import { referenceOf } from '../gateway-log/gateway-log';
import { GatewayOutbox } from '../gateway-log/gateway-outbox';
import {
  FIRST_SEED,
  firstSeedName,
  GatewayRecords,
  IDENTITY,
  isInForce,
  lifeOf,
  type FirstSeedRecord,
} from '../gateways/records';

export type DeliveryEntry = NonNullable<OpenDeliveryChannelResponse['entry']>;

/** What the entries of a gateway's log say, of what is stored now. */
@Injectable()
export class DeliveryMessages {
  constructor(
    private readonly entities: EntityRecords,
    private readonly credentials: Credentials,
    private readonly gateways: GatewayRecords,
    private readonly groupKeys: GroupKeyDeliveries,
    private readonly outbox: GatewayOutbox,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * The messages of one entry: none where there is nothing to say any more, several for the parts of a Group Key.
   * @param gateway E
   * @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE
   */
  async *of(gateway: string, entry: Pick<LogEntry, 'dedupeId'>): AsyncGenerator<DeliveryEntry> {
    const reference = referenceOf(entry);
    if (reference === undefined) return;
    const { kind, name } = reference;
    if (kind === 'group') {
      yield* this.unlessAway(gateway, name, this.groupKeys.newest(name, parseEntityUri(gateway).pnId));
      return;
    }
    const message = await this[kind](name, gateway);
    if (message !== undefined) yield message;
  }

  /** The Group Keys of a group that a gateway has to have. */
  groupKeysInUse(gateway: string, groupId: string): AsyncGenerator<DeliveryEntry> {
    return this.unlessAway(gateway, groupId, this.groupKeys.inUse(groupId, parseEntityUri(gateway).pnId));
  }

  private async token(tokenId: string, gateway: string): Promise<DeliveryEntry | undefined> {
    const entity = await this.entities.ownerOf(tokenId);
    if (entity === undefined) return undefined;
    const wanted = { admission: at(ADMISSION, admissionName(tokenId)) };
    const { admission } = await this.entities.read(parseEntityUri(entity), wanted);
    const identity = await this.gateways.identityOf(gateway);
    const isOver =
      admission === undefined || admission.state === 'revoked' || !isInForce(identity, admission.assignerLife);
    if (isOver) return { $case: 'tokenRevocation', value: { tokenId, entity } };
    return tokenGrant(admission, gateway, this.clock.now());
  }

  private async seed(firstSeedId: string, gateway: string): Promise<DeliveryEntry> {
    const wanted = { identity: at(IDENTITY), seed: at(FIRST_SEED, firstSeedName(firstSeedId)) };
    const { identity, seed } = await this.gateways.read(gateway, wanted);
    seed?.seed.destroy();
    if (seed === undefined || seed.revoked || !isInForce(identity, seed.life))
      return { $case: 'firstSeedRevocation', value: { firstSeedId } };
    return firstSeedImport(seed);
  }

  private async credential(entity: string): Promise<DeliveryEntry | undefined> {
    const value = await this.credentials.of(parseEntityUri(entity));
    return value && { $case: 'credential', value };
  }

  private async assigner(gateway: string): Promise<DeliveryEntry | undefined> {
    const identity = await this.gateways.identityOf(gateway);
    const life = identity === undefined ? 0n : lifeOf(identity) - 1n;
    return life === 0n ? undefined : { $case: 'assignerEnd', value: { gateway, life } };
  }

  /** A KMC that does not answer holds up nothing else: a revocation behind this group goes first, and the group comes later. */
  private async *unlessAway(gateway: string, groupId: string, deliveries: AsyncIterable<GatewayGroupKeyDelivery>) {
    let hasBegun = false;
    try {
      for await (const value of deliveries) {
        hasBegun = true;
        yield { $case: 'groupKey' as const, value };
      }
    } catch (error) {
      if (hasBegun || !(error instanceof CpnsError)) throw error;
      this.logger.warn('a gateway is sent a Group Key later', { gateway, groupId, error });
      await this.outbox.later(groupId, gateway);
    }
  }
}

/** Of an admission under which a gateway may still assign. */
export function tokenGrant(admission: AdmissionRecord, gateway: string, now: number): DeliveryEntry | undefined {
  const { assigner, tokenId, entity, user, form, authKey, state, expiresAt, admittedAt } = admission;
  if (assigner !== gateway || state !== 'open' || expiresAt <= now || authKey === undefined) return undefined;
  const times = { expiresAt: BigInt(expiresAt), admittedAt: BigInt(admittedAt) };
  const value = { tokenId, entity, user, form: wireKeyForm(form), tokenAuthKey: authKey.expose(), ...times };
  return { $case: 'tokenGrant', value };
}

/** Leave to use a 1st seed that the gateway has: the seed itself does not travel. */
export const firstSeedImport = ({
  firstSeedId,
  assignUntil,
  registerUntil,
  maxEntities,
}: FirstSeedRecord): DeliveryEntry => ({
  $case: 'firstSeedImport',
  value: { firstSeedId, assignUntil: BigInt(assignUntil), registerUntil: BigInt(registerUntil), maxEntities },
});
