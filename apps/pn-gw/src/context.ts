import type {
  DeviceCapabilitiesServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  MembershipServiceService,
  ProofServiceService,
  ServiceGroupNoticeServiceService,
} from '@cpns/contracts';
import type { Clock, Random, EntityName } from '@cpns/core';
import type { StatementVerifier } from '@cpns/group-key';
import type { ClientMethods } from '@cpns/grpc';
import type { Records, Store } from '@cpns/store';
import type { Logger } from '@cpns/telemetry';

/** The CPNS Server, over mutual TLS with the gateway's own certificate (Q10). */
export interface ServerLink {
  /** URI of the Server, checked in each handshake. */
  readonly uri: string;
  readonly entityUserKey: ClientMethods<typeof EntityUserKeyServiceService>;
  readonly proof: ClientMethods<typeof ProofServiceService>;
  readonly deviceCapabilities: ClientMethods<typeof DeviceCapabilitiesServiceService>;
  readonly groupKeyDelivery: ClientMethods<typeof GroupKeyDeliveryServiceService>;
}

/** The SMF, likewise. */
export interface SmfLink {
  /** URI of the SMF, checked in each handshake. */
  readonly uri: string;
  readonly notices: ClientMethods<typeof ServiceGroupNoticeServiceService>;
  readonly membership: ClientMethods<typeof MembershipServiceService>;
}

/** The gateway's own standing: what its use cases share. */
export interface GatewayContext {
  /** Its own name; `name.uri` is its E. */
  readonly name: EntityName;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly records: Records;
  readonly server: ServerLink;
  readonly smf: SmfLink;
  /** Of what the Server says of Group Keys. */
  readonly statements: StatementVerifier;
  readonly logger: Logger;
  /** How long an assigned key lives, milliseconds. */
  readonly keyLifetime: number;
}
