import {
  Clock,
  duration,
  failedPrecondition,
  invalidArgument,
  permissionDenied,
  samePn,
  type CpnsError,
} from '@cpns/core';
import { checkMayRegister } from '@cpns/entity-user-key';
import {
  confirmServerMac,
  deriveConfirmKey,
  deriveEntityUserKey,
  deriveKeyId,
  encodeRegistration,
  keyIdBytes,
  verifyConfirmClientMac,
  type Registration,
} from '@cpns/key-derivation';
import type { CheckedSecretRegistration } from '@cpns/contracts';
import { at, expiring } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../../config';
import type { AdmissionRecord } from '../../entities/records';
import { hasEnded } from '../../gateways/provisioned';
import { GatewayRecords } from '../../gateways/gateway-records';
import {
  FIRST_SEED,
  firstSeedName,
  PROVISIONED,
  servedMember,
  servedSet,
  type FirstSeedRecord,
  type ProvisionedRecord,
} from '../../gateways/records';
import type { AgreedKey } from './agreed-key';

/** What a registration needs of the gateway that assigned the key. */
const wantedOf = (firstSeedId: string) => ({
  seed: at(FIRST_SEED, firstSeedName(firstSeedId)),
  provisioned: at(PROVISIONED),
});

interface FoundSeed {
  readonly seed: FirstSeedRecord | undefined;
  readonly provisioned: ProvisionedRecord | undefined;
}

/** A gateway's clock may be ahead of ours. */
const CLOCK_TOLERANCE_MS = duration(5, 'minute');

/** 5.3.1.12.5.2 b: the Server holds the 1st seed, the entity shows the 2nd, both derive the same key. */
@Injectable()
export class DeriveFromSeeds {
  constructor(
    private readonly gateways: GatewayRecords,
    private readonly config: ServerConfig,
    private readonly clock: Clock,
  ) {}

  /**
   * Nothing changes here: {@link count} comes once everything else about the registration was found good.
   * @throws CpnsError PN_MISMATCH, TOKEN_OTHER_ASSIGNER; KEY_EXPIRED, FIELD_OUT_OF_RANGE; FIRST_SEED_*; CONFIRMATION_MAC
   */
  async derive(
    admission: AdmissionRecord,
    { registration, gateway, entity, confirmation }: CheckedSecretRegistration,
  ): Promise<AgreedKey> {
    if (!samePn(gateway, entity))
      throw permissionDenied('PN_MISMATCH', 'the 1st seed belongs to a gateway of another PN');
    if (admission.assigner !== gateway.uri)
      throw permissionDenied('TOKEN_OTHER_ASSIGNER', 'the admission names another assigner');
    this.checkNotAfter(registration.notAfter);
    const { firstSeedId, secondSeed, notAfter } = registration;
    const found = await this.gateways.read(gateway.uri, wantedOf(firstSeedId));
    const { seed } = await this.usableSeed(registration, found);
    const secret = deriveEntityUserKey(seed.seed, secondSeed, registration);
    const confirmKey = deriveConfirmKey(secret);
    const t1 = encodeRegistration(registration);
    verifyConfirmClientMac(confirmKey, t1, confirmation);
    const keyId = deriveKeyId(secret);
    const reply = { form: 'secret' as const, keyId: keyIdBytes(keyId), confirmation: confirmServerMac(confirmKey, t1) };
    confirmKey.destroy();
    return { secret, keyId, notAfter, firstSeedId, registerUntil: seed.registerUntil, reply };
  }

  /**
   * Counts (E, user) at the 1st seed, in that seed's own aggregate and before the key is recorded: a crash in between costs
   * a place at most until the entity comes again, and never lets one more in than the seed may serve.
   * @throws CpnsError FIRST_SEED_*
   */
  async count({ registration }: CheckedSecretRegistration): Promise<void> {
    const { firstSeedId, gateway, entity, user } = registration;
    await this.gateways.transact(gateway, wantedOf(firstSeedId), async (found) => {
      const { seed, known } = await this.usableSeed(registration, found);
      if (known) return { result: undefined };
      return {
        result: undefined,
        put: { seed: expiring({ ...seed, registered: seed.registered + 1 }, seed.registerUntil) },
        addTo: [{ set: servedSet(firstSeedId), member: servedMember(entity, user) }],
      };
    });
  }

  /** The 1st seed, where it may serve this entity. @throws CpnsError FIRST_SEED_* */
  private async usableSeed({ firstSeedId, gateway, entity, user }: Registration, { seed, provisioned }: FoundSeed) {
    const now = this.clock.now();
    if (seed === undefined) throw noSeed(firstSeedId, provisioned, now);
    const known = await this.gateways.isServed(gateway, firstSeedId, entity, user);
    checkMayRegister(seed, { entities: seed.registered, known }, now);
    return { seed, known };
  }

  private checkNotAfter(notAfter: number): void {
    const now = this.clock.now();
    const { keyLifetime } = this.config;
    const field = { metadata: { field: 'not_after' } };
    if (notAfter <= now) throw failedPrecondition('KEY_EXPIRED', 'the key has ended: have a new one assigned');
    if (notAfter > now + keyLifetime + CLOCK_TOLERANCE_MS)
      throw invalidArgument('FIELD_OUT_OF_RANGE', `a key lives ${keyLifetime} ms at most`, field);
  }
}

/** A seed that has ended is destroyed; its id is remembered for a while. */
function noSeed(firstSeedId: string, provisioned: ProvisionedRecord | undefined, now: number): CpnsError {
  const item = provisioned?.firstSeeds.find(({ id }) => id === firstSeedId);
  if (item !== undefined && hasEnded(item, now))
    return failedPrecondition('FIRST_SEED_EXPIRED', 'the 1st seed is past its time: have a new key assigned');
  return failedPrecondition('FIRST_SEED_UNKNOWN', 'the gateway has no such 1st seed');
}
