import type { CheckedRegistrationReply, CheckedSecretRegistration } from '@cpns/contracts';
import {
  Clock,
  duration,
  type EntityUserKey,
  failedPrecondition,
  invalidArgument,
  KeyedBatches,
  permissionDenied,
  samePn,
} from '@cpns/core';
import { checkMayRegister, takePlaces } from '@cpns/entity-user-key';
import {
  confirmServerMac,
  deriveConfirmKey,
  deriveEntityUserKey,
  deriveKeyId,
  encodeRegistration,
  keyIdBytes,
  verifyConfirmClientMac,
} from '@cpns/key-derivation';
import { at, expiring, type Found } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../config';
import type { AdmissionRecord } from '../entities/records';
import { GatewayRecords } from '../gateways/gateway-records';
import { hasEnded } from '../gateways/provisioned';
import {
  FIRST_SEED,
  firstSeedName,
  PROVISIONED,
  servedMember,
  servedSet,
  type FirstSeedRecord,
} from '../gateways/records';

/** What a registration leads to, in either form. */
export interface AgreedKey {
  /** S */
  readonly secret: EntityUserKey;
  /** 32 hexadecimal digits. */
  readonly keyId: string;
  /** Unix milliseconds. */
  readonly notAfter: number;
  readonly certificateDigest?: Buffer;
  readonly firstSeedId?: string;
  /** Of that seed, Unix milliseconds. */
  readonly registerUntil?: number;
  readonly reply: CheckedRegistrationReply;
}

/** What registrations of keys from one seed need of the gateway that assigned them. @param members (E, user) */
const wantedOf = (firstSeedId: string, members: readonly string[]) => ({
  seed: at(FIRST_SEED, firstSeedName(firstSeedId)),
  provisioned: at(PROVISIONED),
  served: { memberships: members.map((member) => ({ set: servedSet(firstSeedId), member })) },
});
type FoundSeed = Found<ReturnType<typeof wantedOf>>;

/** One 1st seed of one gateway: neither name has a blank in it. */
const keyOf = (gateway: string, firstSeedId: string): string => `${gateway} ${firstSeedId}`;

/** A gateway's clock may be ahead of ours. */
const CLOCK_TOLERANCE_MS = duration(5, 'minute');

/** 5.3.1.12.5.2 b: the Server holds the 1st seed, the entity shows the 2nd, both derive the same key. */
@Injectable()
export class DeriveFromSeeds {
  readonly #places = new KeyedBatches<string, void>((key, members) => {
    const [gateway = '', firstSeedId = ''] = key.split(' ');
    return this.takePlaces(gateway, firstSeedId, members);
  });

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
    const { firstSeedId, secondSeed, notAfter, user } = registration;
    const member = servedMember(entity.uri, user);
    const found = await this.gateways.read(gateway.uri, wantedOf(firstSeedId, [member]));
    const now = this.clock.now();
    const seed = requireSeed(firstSeedId, found, now);
    checkMayRegister(seed, { entities: seed.registered, known: found.served.has(member) }, now);
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
  count({
    registration: { firstSeedId, gateway, entity, user },
  }: Pick<CheckedSecretRegistration, 'registration'>): Promise<void> {
    return this.#places.add(keyOf(gateway, firstSeedId), servedMember(entity, user));
  }

  private takePlaces(gateway: string, firstSeedId: string, members: readonly string[]) {
    return this.gateways.transact(gateway, wantedOf(firstSeedId, members), (found) => {
      const now = this.clock.now();
      const seed = requireSeed(firstSeedId, found, now);
      const places = { served: found.served, taken: seed.registered };
      const { added, refused } = takePlaces(members, places, (use) => checkMayRegister(seed, use, now));
      return {
        result: members.map((member) => refused.get(member)),
        ...(added.length > 0 && {
          put: { seed: expiring({ ...seed, registered: seed.registered + added.length }, seed.registerUntil) },
          addTo: added.map((member) => ({ set: servedSet(firstSeedId), member })),
        }),
      };
    });
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

/** A seed that has ended is destroyed; its id is remembered for a while. @throws CpnsError FIRST_SEED_EXPIRED, FIRST_SEED_UNKNOWN */
function requireSeed(firstSeedId: string, { seed, provisioned }: FoundSeed, now: number): FirstSeedRecord {
  if (seed !== undefined) return seed;
  const item = provisioned?.firstSeeds.find(({ id }) => id === firstSeedId);
  if (item !== undefined && hasEnded(item, now))
    throw failedPrecondition('FIRST_SEED_EXPIRED', 'the 1st seed is past its time: have a new key assigned');
  throw failedPrecondition('FIRST_SEED_UNKNOWN', 'the gateway has no such 1st seed');
}
