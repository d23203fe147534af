import { EnrolmentServiceService, GroupKeyManagementServiceService } from '@cpns/contracts';
import { serviceUri } from '@cpns/core';
import { connectTo, type ClientMethods } from '@cpns/grpc';
import type { ServiceIdentity } from '@cpns/platform';
import type { SmfConfig } from '../config';

/** The CPNS Server, over mutual TLS with the SMF's own certificate: its CSKMF, and who is enrolled as a gateway. */
export abstract class ServerLink {
  /** URI of the Server, checked in each handshake. */
  abstract readonly uri: string;
  abstract readonly groupKeys: Pick<
    ClientMethods<typeof GroupKeyManagementServiceService>,
    'createGroupKey' | 'updateGroupKey' | 'deleteGroupKey' | 'getGroupKeyStatus'
  >;
  abstract readonly enrolment: Pick<ClientMethods<typeof EnrolmentServiceService>, 'getGateway'>;
  /**
   * Resolves when connected: a Server that was away for a moment is waited for.
   * @throws CpnsError DEPENDENCY_UNAVAILABLE after so many milliseconds
   */
  abstract ready(milliseconds: number): Promise<void>;
  abstract close(): void;
}

export function linkServer({ trustDomain, serverAddress }: SmfConfig, { tls }: ServiceIdentity): ServerLink {
  const { cert, key, ca } = tls;
  const uri = serviceUri(trustDomain, 'cpns-server');
  const connection = connectTo({ address: serverAddress, expectedPeer: uri, tls: { root: ca, cert, key } });
  return {
    uri,
    groupKeys: connection.client(GroupKeyManagementServiceService),
    enrolment: connection.client(EnrolmentServiceService),
    ready: (milliseconds) => connection.ready(milliseconds),
    close: () => connection.close(),
  };
}
