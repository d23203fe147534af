import {
  CertificateServiceService,
  EnrolmentServiceService,
  GroupKeyManagementServiceService,
  ProofServiceService,
} from '@cpns/contracts';
import { CpnsError, duration, serviceUri, unauthenticated } from '@cpns/core';
import type { Receiver } from '@cpns/delivery';
import { type ClientMethods, connectTo } from '@cpns/grpc';
import { EndedPeersSource, type ServiceIdentity } from '@cpns/platform';
import { Injectable } from '@nestjs/common';
import type { SmfConfig } from '../config';

/** The CPNS Server, over mutual TLS with the SMF's own certificate: its CSKMF, and who is enrolled as a gateway. */
export abstract class ServerLink extends EndedPeersSource {
  /** URI of the Server, checked in each handshake. */
  abstract readonly uri: string;
  abstract readonly groupKeys: Pick<
    ClientMethods<typeof GroupKeyManagementServiceService>,
    'createGroupKey' | 'updateGroupKey' | 'deleteGroupKey' | 'updateGroupDescription' | 'watchGroupKeyEvents'
  >;
  abstract readonly enrolment: Pick<ClientMethods<typeof EnrolmentServiceService>, 'getGateway'>;
  abstract readonly proof: Pick<ClientMethods<typeof ProofServiceService>, 'verifyProof'>;
  /**
   * Resolves when connected: a Server that was away for a moment is waited for.
   * @param milliseconds 2,000 without it
   * @throws CpnsError DEPENDENCY_UNAVAILABLE after so many milliseconds
   */
  abstract ready(milliseconds?: number): Promise<void>;
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
    certificates: connection.client(CertificateServiceService),
    proof: connection.client(ProofServiceService),
    ready: (milliseconds = DEADLINE.deadlineMs) => connection.ready(milliseconds),
    close: connection.close.bind(connection),
  };
}

const DEADLINE = { deadlineMs: duration(2, 'second') };

/**
 * TLS says who the gateway is, the CPNS Server whether it still may act: a certificate that an operator ended, or that a
 * new enrolment replaced, is good for nothing. Nothing is remembered of an answer.
 */
@Injectable()
export class GatewayStanding {
  constructor(private readonly server: ServerLink) {}

  /** @throws CpnsError CERTIFICATE_REVOKED; DEPENDENCY_UNAVAILABLE when the Server cannot be asked */
  async check({ uri, fingerprint }: Receiver): Promise<void> {
    if (!(await this.#stands(uri, fingerprint)))
      throw unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew');
  }

  async #stands(uri: string, fingerprint: Buffer): Promise<boolean> {
    try {
      await this.server.ready();
      const { gateway } = await this.server.enrolment.getGateway({ entity: uri }, DEADLINE);
      return gateway !== undefined && !gateway.revoked && gateway.certificateDigest.equals(fingerprint);
    } catch (error) {
      if (error instanceof CpnsError && error.reason === 'NOT_FOUND') return false;
      throw error;
    }
  }
}
