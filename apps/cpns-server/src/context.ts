import type { KeyObject } from 'node:crypto';
import type { Issuer } from '@cpns/certificate-issuance';
import type { Clock, Random } from '@cpns/core';
import type { Records, Store } from '@cpns/store';
import type { RecentRecords } from './records/recent-records';

/** Lives of what the Server hands out, in milliseconds, and counts. */
export interface ServerLimits {
  readonly keyLifetime: number;
  readonly identityLifetime: number;
  readonly gatewayCaLifetime: number;
  readonly firstSeedAssignFor: number;
  readonly firstSeedRegisterFor: number;
  readonly firstSeedMaxEntities: number;
}

/** The Server's own standing: what its use cases share. */
export interface ServerContext {
  /** `cpns://<trust-domain>/service/cpns-server`, as its certificate says. */
  readonly uri: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly records: Records;
  /** The same, for what every call looks at. */
  readonly recent: RecentRecords;
  readonly limits: ServerLimits;
  /** Issues gateway identities and gateway CAs. */
  readonly issuingCa: Issuer;
  /** Issues target entities' certificates. */
  readonly entityCa: Issuer;
  /** DER. */
  readonly root: Buffer;
  /** The service's own key and chain, leaf to root: they sign statements. */
  readonly signingKey: KeyObject;
  readonly chain: readonly Buffer[];
}
