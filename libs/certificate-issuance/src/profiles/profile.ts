import type { Role } from '@cpns/core';
import type { ExtendedKeyUsage } from '../extensions/extended-key-usage';
import type { KeyUsage } from '../extensions/key-usage';

/** A kind of certificate; profiles.ts has them all. */
export interface Profile {
  readonly id: ProfileId;
  /** For people. */
  readonly title: string;
  /** Which authorities issue it; the root issues itself. */
  readonly issuedBy: readonly ProfileId[];
  /** Present for authorities: how many may stand between this one and a leaf. */
  readonly authority?: { readonly pathLength: number };
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[];
  /** The one URI in the SAN, by what it names; without it there is no SAN. */
  readonly uri?: SubjectKind;
  /** Whether DNS names and addresses may stand beside the URI. */
  readonly hosts: boolean;
  /** Whether name constraints hold it to the Personal Network of its URI. */
  readonly constrained: boolean;
  /** What its holder may be to the access rules, whatever else its name says. */
  readonly role?: Role;
  /** The longest validity that an issuer gives, in milliseconds. */
  readonly maxLifetime: number;
}

export const PROFILE_IDS = [
  'root-ca',
  'issuing-ca',
  'server-entity-ca',
  'gateway-ca',
  'service',
  'operator',
  'gateway-identity',
  'target-entity',
] as const;
export type ProfileId = (typeof PROFILE_IDS)[number];

/** What the URI of a certificate may name. `entity` is a PNE or a PN GW. */
export type SubjectKind = 'service' | 'operator' | 'pn-gw' | 'entity';
