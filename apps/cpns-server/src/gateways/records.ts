/** What the CPNS Server keeps of one gateway: its identity, 1st seeds and CA certificates. */
import { FirstSeed } from '@cpns/core';
import { defineRecord, jsonField, secretField, type ValueIn, type Aggregate } from '@cpns/store';

export const GATEWAY_KIND = 'gateway';

/** @param gateway E */
export const gatewayAggregate = (gateway: string): Aggregate => ({ kind: GATEWAY_KIND, id: gateway });

export const IDENTITY = defineRecord('identity', {
  entity: jsonField<string>(),
  state: jsonField<'live' | 'revoked'>(),
  tokenId: jsonField<string>(),
  /** When its admission was made; only a younger one replaces the identity. */
  admittedAt: jsonField<number>(),
  enrolledAt: jsonField<number>(),
  /** SHA-256 of the identity certificate, 32 bytes. */
  certificateDigest: jsonField<Buffer>(),
  /** SHA-256 of its public key, 32 bytes. */
  keyDigest: jsonField<Buffer>(),
  notAfter: jsonField<number>(),
});

/** One 1st seed or CA certificate that the gateway has: the details are in a record of its own. */
export interface ProvisionedItem {
  /** First-seed-id, or the SHA-256 of the certificate in hex. */
  readonly id: string;
  /** Unix milliseconds; the details are gone afterwards. */
  readonly until: number;
}

export const PROVISIONED = defineRecord('provisioned', {
  firstSeeds: jsonField<readonly ProvisionedItem[]>(),
  cas: jsonField<readonly ProvisionedItem[]>(),
});
export type ProvisionedRecord = ValueIn<typeof PROVISIONED>;

export const FIRST_SEED = defineRecord('first-seed', {
  firstSeedId: jsonField<string>(),
  seed: secretField(FirstSeed),
  assignUntil: jsonField<number>(),
  registerUntil: jsonField<number>(),
  maxEntities: jsonField<number>(),
  revoked: jsonField<boolean>(),
  /** How many different (E, user) registered with it. */
  registered: jsonField<number>(),
});
export type FirstSeedRecord = ValueIn<typeof FIRST_SEED>;

export const firstSeedName = (firstSeedId: string): string => `first-seed.${firstSeedId}`;

/** The set of (E, user) that a 1st seed serves. */
export const servedSet = (firstSeedId: string): string => `served.${firstSeedId}`;
export const servedMember = (entity: string, user: string): string => `${entity}?user=${user}`;

export const GATEWAY_CA = defineRecord('ca', {
  /** DER, the gateway CA first, root last. */
  chain: jsonField<readonly Buffer[]>(),
  notAfter: jsonField<number>(),
  revoked: jsonField<boolean>(),
});
export type GatewayCaRecord = ValueIn<typeof GATEWAY_CA>;

export const gatewayCaName = (certificateDigest: string): string => `ca.${certificateDigest}`;
