/** What a PN GW is provisioned with, so that it assigns keys while the CPNS Server is away. */
import { FirstSeed, PrivateKeyDer } from '@cpns/core';
import { defineRecord, jsonField, optional, secretField, type ValueIn, type Aggregate } from '@cpns/store';

/** One 1st seed, in an aggregate of its own with the set of (E, user) that it serves. */
export const firstSeedAggregate = (firstSeedId: string): Aggregate => ({ kind: 'first-seed', id: firstSeedId });

export const FIRST_SEED = defineRecord('seed', {
  firstSeedId: jsonField<string>(),
  seed: secretField(FirstSeed),
  assignUntil: jsonField<number>(),
  registerUntil: jsonField<number>(),
  maxEntities: jsonField<number>(),
  revoked: jsonField<boolean>(),
  /** Unix milliseconds. */
  receivedAt: jsonField<number>(),
  /** How many different (E, user) it was used for. */
  assigned: jsonField<number>(),
});
export type FirstSeedRecord = ValueIn<typeof FIRST_SEED>;

export const SERVED_SET = 'served';
export const servedMember = (entity: string, user: string): string => `${entity}?user=${user}`;

/** What the gateway was provisioned with last, and what it is asking for. */
export const PROVISIONING_AGGREGATE: Aggregate = { kind: 'provisioning', id: 'own' };

/** The seed that new keys are derived from. */
export const CURRENT_SEED = defineRecord('current-seed', { firstSeedId: jsonField<string>() });

/** A request for a 1st seed that may be under way: after a crash the same one is sent again. */
export const SEED_REQUEST = defineRecord('seed-request', { requestId: jsonField<Buffer>() });

/** `ca`: what certificates are issued with; under {@link NEXT_CA}: what is asked for. */
export const GATEWAY_CA = defineRecord('ca', {
  privateKey: secretField(PrivateKeyDer),
  /** DER. */
  csr: jsonField<Buffer>(),
  /** DER, the gateway CA first, root last; absent while the request may be under way. */
  chain: optional(jsonField<readonly Buffer[]>()),
});
export type GatewayCaRecord = ValueIn<typeof GATEWAY_CA>;
export const NEXT_CA = 'next-ca';
