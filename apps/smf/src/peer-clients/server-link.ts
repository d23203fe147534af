import { EnrolmentServiceService, GroupKeyManagementServiceService } from '@cpns/contracts';
import { Clock, CpnsError, duration, serviceUri, unauthenticated } from '@cpns/core';
import type { Receiver } from '@cpns/delivery';
import { type ClientMethods, connectTo } from '@cpns/grpc';
import type { ServiceIdentity } from '@cpns/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { SmfConfig } from '../config';

/** The CPNS Server, over mutual TLS with the SMF's own certificate: its CSKMF, and who is enrolled as a gateway. */
export abstract class ServerLink {
  /** URI of the Server, checked in each handshake. */
  abstract readonly uri: string;
  abstract readonly groupKeys: Pick<
    ClientMethods<typeof GroupKeyManagementServiceService>,
    'createGroupKey' | 'updateGroupKey' | 'deleteGroupKey'
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
    ready: connection.ready.bind(connection),
    close: connection.close.bind(connection),
  };
}

/** How long an answer of the CPNS Server is believed, milliseconds: so late does a revocation come to bear here. */
const KEPT_FOR = duration(10, 'second');
/** More gateways than that are asked for again. */
const KEPT_MAX = 10_000;
const DEADLINE = { deadlineMs: duration(2, 'second') };

/**
 * TLS says who the gateway is, the CPNS Server whether it still may act: a certificate that an operator ended, or that a
 * new enrolment replaced, is good for nothing.
 */
@Injectable()
export class GatewayStanding {
  /** Until when each answer is believed, Unix milliseconds. */
  readonly #goodUntil = new LRUCache<string, number>({ max: KEPT_MAX });

  constructor(
    private readonly server: ServerLink,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError CERTIFICATE_REVOKED; DEPENDENCY_UNAVAILABLE when the Server cannot be asked */
  async check({ uri, fingerprint }: Receiver): Promise<void> {
    const key = `${uri} ${fingerprint.toString('hex')}`;
    if (this.clock.now() < (this.#goodUntil.get(key) ?? 0)) return;
    this.#goodUntil.delete(key);
    if (!(await this.#stands(uri, fingerprint)))
      throw unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew');
    this.#goodUntil.set(key, this.clock.now() + KEPT_FOR);
  }

  async #stands(uri: string, fingerprint: Buffer): Promise<boolean> {
    try {
      await this.server.ready(DEADLINE.deadlineMs);
      const { gateway } = await this.server.enrolment.getGateway({ entity: uri }, DEADLINE);
      return gateway !== undefined && !gateway.revoked && gateway.certificateDigest.equals(fingerprint);
    } catch (error) {
      if (error instanceof CpnsError && error.reason === 'NOT_FOUND') return false;
      throw error;
    }
  }
}
