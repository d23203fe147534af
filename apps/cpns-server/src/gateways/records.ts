/** What the CPNS Server keeps of one gateway: its identity, 1st seeds and CA certificates. */
import { CpnsError, FirstSeed, parseEntityUri, unauthenticated, type EntityName } from '@cpns/core';
import type { Receiver } from '@cpns/delivery';
import type { Peer } from '@cpns/grpc';
import { sha256 } from '@cpns/key-derivation';
import { AggregateRecords } from '@cpns/platform';
import { at, defineRecord, jsonField, optional, secretField, type Aggregate, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';

const GATEWAY_KIND = 'gateway';

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
  /** Raised by each revocation: what was given in an earlier life is not in force. */
  life: optional(jsonField<bigint>()),
  /** When it is to be revoked, Unix milliseconds; until then its entities keep everything, and none is added. */
  retireAt: optional(jsonField<number>()),
});
export type IdentityRecord = ValueIn<typeof IDENTITY>;

/** The life of an item that has none in its record. */
const FIRST_LIFE = 1n;

/** The life of a gateway. A revocation from before lives were recorded was one too. */
export const lifeOf = ({ life, state }: IdentityRecord): bigint =>
  life ?? (state === 'revoked' ? FIRST_LIFE + 1n : FIRST_LIFE);

/**
 * True for what was given to a gateway, or made by it, in the life that it is in now.
 * @param given the life of it; absent in records from before lives were recorded
 */
export const isInForce = (identity: IdentityRecord | undefined, given: bigint = FIRST_LIFE): boolean =>
  identity?.state === 'live' && lifeOf(identity) === given;

/** @throws CpnsError CERTIFICATE_REVOKED */
export function requireStanding(identity: IdentityRecord | undefined, { fingerprint }: Receiver): IdentityRecord {
  if (identity?.state !== 'live' || !identity.certificateDigest.equals(fingerprint))
    throw unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew');
  return identity;
}

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
type ProvisionedRecord = ValueIn<typeof PROVISIONED>;

export const FIRST_SEED = defineRecord('first-seed', {
  firstSeedId: jsonField<string>(),
  seed: secretField(FirstSeed),
  assignUntil: jsonField<number>(),
  registerUntil: jsonField<number>(),
  maxEntities: jsonField<number>(),
  revoked: jsonField<boolean>(),
  /** How many different (E, user) registered with it. */
  registered: jsonField<number>(),
  /** Of the gateway, when it got the seed. */
  life: optional(jsonField<bigint>()),
});
export type FirstSeedRecord = ValueIn<typeof FIRST_SEED>;

export const firstSeedName = (firstSeedId: string): string => `first-seed.${firstSeedId}`;

/** That a 1st seed serves (E, user), until it ends. */
export const SERVED = defineRecord('served', { member: jsonField<string>() });

export const servedMember = (entity: string, user: string): string => `${entity}?user=${user}`;
export const servedName = (firstSeedId: string, member: string) =>
  `served.${firstSeedId}.${sha256(Buffer.from(member, 'utf8')).toString('hex')}` as const;

export const GATEWAY_CA = defineRecord('ca', {
  /** DER, the gateway CA first, root last. */
  chain: jsonField<readonly Buffer[]>(),
  notAfter: jsonField<number>(),
  revoked: jsonField<boolean>(),
  /** Of the gateway, when it got the certificate. */
  life: optional(jsonField<bigint>()),
});
export type GatewayCaRecord = ValueIn<typeof GATEWAY_CA>;

export const gatewayCaName = (certificateDigest: string): string => `ca.${certificateDigest}`;

/** As many 1st seeds, and as many CA certificates, as a gateway may have at a time: one that asks for more is ill. */
const ITEMS_MAX = 64;
/** As many of those that have ended as are remembered by name, so that a late caller is told that they have ended. */
const ENDED_MAX = 64;

function withItem(items: readonly ProvisionedItem[], item: ProvisionedItem, now: number): readonly ProvisionedItem[] {
  const others = items.filter(({ id }) => id !== item.id);
  const live = others.filter((other) => !hasEnded(other, now));
  if (live.length >= ITEMS_MAX)
    throw new CpnsError('LIMIT_REACHED', `a gateway has ${ITEMS_MAX} of these at a time at most`);
  const ended = others.filter((other) => hasEnded(other, now)).slice(-ENDED_MAX);
  return [...ended, ...live, item];
}

/** True for a 1st seed or a CA certificate whose details are gone. @param now Unix milliseconds */
export const hasEnded = ({ until }: ProvisionedItem, now: number): boolean => until <= now;

/** What the gateway has once a 1st seed was added, and what ended lately. @throws CpnsError LIMIT_REACHED */
export const withFirstSeed = (
  record: ProvisionedRecord | undefined,
  item: ProvisionedItem,
  now: number,
): ProvisionedRecord => ({ firstSeeds: withItem(record?.firstSeeds ?? [], item, now), cas: record?.cas ?? [] });

/** What the gateway has once a CA certificate was added, and what ended lately. @throws CpnsError LIMIT_REACHED */
export const withGatewayCa = (
  record: ProvisionedRecord | undefined,
  item: ProvisionedItem,
  now: number,
): ProvisionedRecord => ({ firstSeeds: record?.firstSeeds ?? [], cas: withItem(record?.cas ?? [], item, now) });

/** The records of one gateway by its E. */
@Injectable()
export class GatewayRecords extends AggregateRecords<string> {
  protected readonly kind = GATEWAY_KIND;

  protected aggregateOf(gateway: string): Aggregate {
    return gatewayAggregate(gateway);
  }

  /** The identity that a gateway has. */
  async identityOf(gateway: string) {
    return (await this.read(gateway, { identity: at(IDENTITY) })).identity;
  }
}

@Injectable()
export class GatewayStanding {
  constructor(private readonly gateways: GatewayRecords) {}

  /**
   * TLS says who the gateway is, the record whether it still may act: a certificate that an operator ended, or that a new
   * enrolment replaced, is good for nothing from that moment on.
   * @throws CpnsError CERTIFICATE_REVOKED
   */
  async check(peer: Receiver): Promise<EntityName> {
    const { identity } = await this.gateways.readRecent(peer.uri, { identity: at(IDENTITY) });
    requireStanding(identity, peer);
    return parseEntityUri(peer.uri, 'gateway');
  }

  /** The life in which it acts, as text: the log of another is begun anew. @throws CpnsError CERTIFICATE_REVOKED */
  async lifeOf(peer: Receiver): Promise<string> {
    const { identity } = await this.gateways.readRecent(peer.uri, { identity: at(IDENTITY) });
    return String(lifeOf(requireStanding(identity, peer)));
  }

  /** For the port: a gateway's certificate may be ended while its connection lives. @throws CpnsError CERTIFICATE_REVOKED */
  readonly admitPeer = async (peer: Peer): Promise<void> => {
    if (peer.role === 'pn-gw') await this.check(peer);
  };
}
