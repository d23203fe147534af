import { failedPrecondition, invalidArgument, permissionDenied } from '@cpns/core';
import { checkMayRegister } from '@cpns/entity-user-key';
import { samePn } from '@cpns/identity';
import {
  confirmServerMac,
  deriveConfirmKey,
  deriveEntityUserKey,
  deriveKeyId,
  encodeRegistration,
  keyIdBytes,
  verifyConfirmClientMac,
} from '@cpns/key-derivation';
import type { CheckedSecretRegistration } from '@cpns/messages';
import { at, expiring } from '@cpns/records';
import type { ServerContext } from '../../context';
import type { AdmissionRecord } from '../../records/entity-records';
import { FIRST_SEED, firstSeedName, gatewayAggregate, servedMember, servedSet } from '../../records/gateway-records';
import type { AgreedKey } from './agreed-key';

/**
 * 5.3.1.12.5.2 b: the Server holds the 1st seed, the entity shows the 2nd, both derive the same key.
 * The 1st seed counts the entity in its own aggregate first: a crash in between costs a place at most until the entity
 * comes again, and never lets one more in than the seed may serve.
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
  const { firstSeedId, secondSeed } = registration;
  const member = servedMember(registration.entity, registration.user);
  const wanted = { seed: at(FIRST_SEED, firstSeedName(firstSeedId)) };
  return server.records.transact(gatewayAggregate(gateway.uri), wanted, async ({ seed }) => {
    if (seed === undefined) throw failedPrecondition('FIRST_SEED_UNKNOWN', 'the gateway has no such 1st seed');
    const known = await server.store.isMember(gatewayAggregate(gateway.uri), servedSet(firstSeedId), member);
    checkMayRegister(seed, { entities: seed.registered, known }, server.clock.now());
    const secret = deriveEntityUserKey(seed.seed, secondSeed, registration);
    const confirmKey = deriveConfirmKey(secret);
    const t1 = encodeRegistration(registration);
    verifyConfirmClientMac(confirmKey, t1, confirmation);
    const keyId = deriveKeyId(secret);
    const reply = { form: 'secret' as const, keyId: keyIdBytes(keyId), confirmation: confirmServerMac(confirmKey, t1) };
    confirmKey.destroy();
    const result: AgreedKey = {
      secret,
      keyId,
      notAfter: registration.notAfter,
      firstSeedId,
      registerUntil: seed.registerUntil,
      reply,
    };
    if (known) return { result };
    return {
      result,
      put: { seed: expiring({ ...seed, registered: seed.registered + 1 }, seed.registerUntil) },
      addTo: [{ set: servedSet(firstSeedId), member }],
    };
  });
}

function checkNotAfter(server: ServerContext, notAfter: number): void {
  const now = server.clock.now();
  const field = { metadata: { field: 'not_after' } };
  if (notAfter <= now) throw failedPrecondition('KEY_EXPIRED', 'the key has ended: have a new one assigned');
  if (notAfter > now + server.limits.keyLifetime)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `a key lives ${server.limits.keyLifetime} ms at most`, field);
}
