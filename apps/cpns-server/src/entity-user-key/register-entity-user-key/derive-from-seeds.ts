import { duration, failedPrecondition, invalidArgument, permissionDenied, type CpnsError, samePn } from '@cpns/core';
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
import type { ServerContext } from '../../context';
import type { AdmissionRecord } from '../../records/entity-records';
import {
  FIRST_SEED,
  firstSeedName,
  gatewayAggregate,
  PROVISIONED,
  servedMember,
  servedSet,
  type FirstSeedRecord,
  type ProvisionedRecord,
} from '../../records/gateway-records';
import { hasEnded } from '../../records/provisioned';
import type { AgreedKey } from './agreed-key';

/** What a registration needs of the gateway that assigned the key. */
const wantedOf = (firstSeedId: string) => ({
  seed: at(FIRST_SEED, firstSeedName(firstSeedId)),
  provisioned: at(PROVISIONED),
});

/**
 * 5.3.1.12.5.2 b: the Server holds the 1st seed, the entity shows the 2nd, both derive the same key. Nothing changes here:
 * {@link countAtSeed} comes once everything else about the registration was found good.
 * @throws CpnsError PN_MISMATCH, TOKEN_OTHER_ASSIGNER; KEY_EXPIRED, FIELD_OUT_OF_RANGE; FIRST_SEED_*; CONFIRMATION_MAC
 */
export async function derivesFromSeeds(
  server: ServerContext,
  admission: AdmissionRecord,
  { registration, gateway, entity, confirmation }: CheckedSecretRegistration,
): Promise<AgreedKey> {
  if (!samePn(gateway, entity))
    throw permissionDenied('PN_MISMATCH', 'the 1st seed belongs to a gateway of another PN');
  if (admission.assigner !== gateway.uri)
    throw permissionDenied('TOKEN_OTHER_ASSIGNER', 'the admission names another assigner');
  checkNotAfter(server, registration.notAfter);
  const { firstSeedId, secondSeed, notAfter } = registration;
  const found = await server.records.read(gatewayAggregate(gateway.uri), wantedOf(firstSeedId));
  const { seed } = await usableSeed(server, registration, found);
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
export async function countAtSeed(server: ServerContext, { registration }: CheckedSecretRegistration): Promise<void> {
  const { firstSeedId, gateway, entity, user } = registration;
  await server.records.transact(gatewayAggregate(gateway), wantedOf(firstSeedId), async (found) => {
    const { seed, known } = await usableSeed(server, registration, found);
    if (known) return { result: undefined };
    return {
      result: undefined,
      put: { seed: expiring({ ...seed, registered: seed.registered + 1 }, seed.registerUntil) },
      addTo: [{ set: servedSet(firstSeedId), member: servedMember(entity, user) }],
    };
  });
}

interface FoundSeed {
  readonly seed: FirstSeedRecord | undefined;
  readonly provisioned: ProvisionedRecord | undefined;
}

/** The 1st seed, where it may serve this entity. @throws CpnsError FIRST_SEED_* */
async function usableSeed(
  server: ServerContext,
  { firstSeedId, gateway, entity, user }: Registration,
  { seed, provisioned }: FoundSeed,
): Promise<{ readonly seed: FirstSeedRecord; readonly known: boolean }> {
  const now = server.clock.now();
  if (seed === undefined) throw noSeed(firstSeedId, provisioned, now);
  const member = servedMember(entity, user);
  const known = await server.store.isMember(gatewayAggregate(gateway), servedSet(firstSeedId), member);
  checkMayRegister(seed, { entities: seed.registered, known }, now);
  return { seed, known };
}

/** A seed that has ended is destroyed; its id is remembered for a while. */
function noSeed(firstSeedId: string, provisioned: ProvisionedRecord | undefined, now: number): CpnsError {
  const item = provisioned?.firstSeeds.find(({ id }) => id === firstSeedId);
  if (item !== undefined && hasEnded(item, now))
    return failedPrecondition('FIRST_SEED_EXPIRED', 'the 1st seed is past its time: have a new key assigned');
  return failedPrecondition('FIRST_SEED_UNKNOWN', 'the gateway has no such 1st seed');
}

/** A gateway's clock may be ahead of ours. */
const CLOCK_TOLERANCE_MS = duration(5, 'minute');

function checkNotAfter(server: ServerContext, notAfter: number): void {
  const now = server.clock.now();
  const field = { metadata: { field: 'not_after' } };
  if (notAfter <= now) throw failedPrecondition('KEY_EXPIRED', 'the key has ended: have a new one assigned');
  if (notAfter > now + server.limits.keyLifetime + CLOCK_TOLERANCE_MS)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `a key lives ${server.limits.keyLifetime} ms at most`, field);
}
