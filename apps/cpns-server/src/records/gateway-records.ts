/** What the CPNS Server keeps of one gateway: its identity, 1st seeds, CA certificates, and the log of what it is sent. */
import { FirstSeed } from '@cpns/core';
import type { FirstSeedLimits } from '@cpns/entity-user-key';
import { defineRecord, field, secretField } from '@cpns/records';
import type { Aggregate } from '@cpns/store';

export const GATEWAY_KIND = 'gateway';

/** @param gateway E */
export const gatewayAggregate = (gateway: string): Aggregate => ({ kind: GATEWAY_KIND, id: gateway });

export interface GatewayIdentity {
  readonly entity: string;
  readonly state: 'live' | 'revoked';
  readonly tokenId: string;
  /** When its admission was made; only a younger one replaces the identity. */
  readonly admittedAt: number;
  readonly enrolledAt: number;
  /** SHA-256 of the identity certificate, 32 bytes. */
  readonly certificateDigest: Buffer;
  /** SHA-256 of its public key, 32 bytes. */
  readonly keyDigest: Buffer;
  readonly notAfter: number;
}

export const IDENTITY = defineRecord<GatewayIdentity>({
  name: 'identity',
  fields: {
    entity: field(),
    state: field(),
    tokenId: field(),
    admittedAt: field(),
    enrolledAt: field(),
    certificateDigest: field(),
    keyDigest: field(),
    notAfter: field(),
  },
});

/** What the gateway was provisioned with; the details are in a record each. */
export interface ProvisionedRecord {
  readonly firstSeedIds: readonly string[];
  /** SHA-256 of each gateway CA certificate, in hex. */
  readonly caDigests: readonly string[];
}

export const PROVISIONED = defineRecord<ProvisionedRecord>({
  name: 'provisioned',
  fields: { firstSeedIds: field(), caDigests: field() },
});

/** How a provisioning request was answered: the same request gets the same answer. */
export const PROVISIONING = defineRecord<{ readonly firstSeedId?: string; readonly caDigest?: string }>({
  name: 'provisioning',
  fields: { firstSeedId: field(), caDigest: field() },
});

export const provisioningName = (requestDigest: Buffer): string => `provisioning.${requestDigest.toString('hex')}`;

export interface FirstSeedRecord extends FirstSeedLimits {
  readonly seed: FirstSeed;
  /** How many different (E, user) registered with it. */
  readonly registered: number;
}

export const FIRST_SEED = defineRecord<FirstSeedRecord>({
  name: 'first-seed',
  fields: {
    firstSeedId: field(),
    seed: secretField(FirstSeed),
    assignUntil: field(),
    registerUntil: field(),
    maxEntities: field(),
    revoked: field(),
    registered: field(),
  },
});

export const firstSeedName = (firstSeedId: string): string => `first-seed.${firstSeedId}`;

/** The set of (E, user) that a 1st seed serves. */
export const servedSet = (firstSeedId: string): string => `served.${firstSeedId}`;
export const servedMember = (entity: string, user: string): string => `${entity}?user=${user}`;

export interface GatewayCaRecord {
  /** DER, the gateway CA first, root last. */
  readonly chain: readonly Buffer[];
  readonly notAfter: number;
  readonly revoked: boolean;
}

export const GATEWAY_CA = defineRecord<GatewayCaRecord>({
  name: 'ca',
  fields: { chain: field(), notAfter: field(), revoked: field() },
});

export const gatewayCaName = (certificateDigest: string): string => `ca.${certificateDigest}`;

/** The log that OpenDeliveryChannel drives. */
export const DELIVERY_LOG = 'delivery';
