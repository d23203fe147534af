/**
 * What a PN GW keeps of Group Keys (SECCF-SECA): members' envelopes, pushes that wait for their notices, how far a request
 * came. None of it is a secret of the gateway's: Group Keys lie in envelopes that the members alone can open. A gateway that
 * is a member itself would open its own with its S; gateways enrol with an identity certificate only and have none, so that
 * there is no such envelope yet.
 */
import { defineRecord, jsonField, type Aggregate } from '@cpns/store';

/** FLOW-PULL step 11 was done: the key of this version came for all members. */
export const AVAILABLE = defineRecord('available', { version: jsonField<bigint>() });

export interface HeldEnvelope {
  readonly version: bigint;
  /** Of the Entity-User Key that it was made under, 32 hexadecimal digits. */
  readonly keyId: string;
  /** Tagged 0x01. */
  readonly own: Buffer;
  /** SHA-256 of the certificate that its owner showed when it asked for it. */
  readonly certificate?: Buffer;
}

/** A member's envelopes of one group, rising by version. */
export const ENVELOPES = defineRecord('envelopes', { held: jsonField<readonly HeldEnvelope[]>() });

export const envelopesName = (groupId: string): string => `envelopes.${groupId}`;

/** Pushes that overtook their notices. */
export const HELD_AGGREGATE: Aggregate = { kind: 'held-push', id: 'own' };

export interface HeldPush {
  /** Name of its {@link HELD_PUSH}. */
  readonly name: string;
  readonly groupId: string;
  readonly version: bigint;
}

export const HELD_INDEX = defineRecord('index', {
  /** Number of the next one. */
  next: jsonField<number>(),
  /** In the order in which they came. */
  entries: jsonField<readonly HeldPush[]>(),
});

export const HELD_PUSH = defineRecord('push', {
  /** A GatewayGroupKeyDelivery, encoded. */
  delivery: jsonField<Buffer>(),
  traceparent: jsonField<string>(),
});
