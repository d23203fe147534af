import type { EnrolmentServiceService, GroupKeyManagementServiceService } from '@cpns/contracts';
import type { Clock, Random } from '@cpns/core';
import type { CallContext, ClientMethods } from '@cpns/grpc';
import type { Records, Store } from '@cpns/store';
import type { Logger } from '@cpns/telemetry';

/** The CPNS Server, over mutual TLS with the SMF's own certificate: its CSKMF, and who is enrolled as a gateway. */
export interface ServerLink {
  /** URI of the Server, checked in each handshake. */
  readonly uri: string;
  /**
   * Resolves when connected: a Server that was away for a moment is waited for.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE after so many milliseconds
   */
  ready(milliseconds: number): Promise<void>;
  readonly groupKeys: Pick<
    ClientMethods<typeof GroupKeyManagementServiceService>,
    'createGroupKey' | 'updateGroupKey' | 'deleteGroupKey' | 'getGroupKeyStatus'
  >;
  readonly enrolment: Pick<ClientMethods<typeof EnrolmentServiceService>, 'getGateway'>;
}

/** The SMF's own standing: what its use cases share. */
export interface SmfContext {
  /** `cpns://<trust-domain>/service/smf`, as its certificate says. */
  readonly uri: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly records: Records;
  readonly server: ServerLink;
  /** host:port of the CSKMF that has the Group Keys, for gateways. */
  readonly keyLocation: string;
  readonly logger: Logger;
  /** Aborted when the service stops: what waits for the Server then waits for the next start. */
  readonly over: AbortSignal;
}

/** What a use case needs to know of the call that waits for it. */
export type Waiting = Pick<CallContext, 'deadline' | 'receivedAt' | 'signal'>;
