import { unauthenticated, parseEntityUri, type EntityName } from '@cpns/core';
import { at } from '@cpns/store';
import type { ServerContext } from '../context';
import { gatewayAggregate, IDENTITY } from './gateway-records';

/** A gateway as TLS showed it. */
export interface GatewayPeer {
  /** E */
  readonly uri: string;
  /** SHA-256 of its certificate, 32 bytes. */
  readonly fingerprint: Buffer;
}

/**
 * TLS says who the gateway is, the record whether it still may act: a certificate that an operator ended, or that a new
 * enrolment replaced, is good for nothing from that moment on.
 * @throws CpnsError CERTIFICATE_REVOKED
 */
export async function checkGatewayStanding(server: ServerContext, peer: GatewayPeer): Promise<EntityName> {
  const { identity } = await server.recent.read(gatewayAggregate(peer.uri), { identity: at(IDENTITY) });
  if (identity?.state !== 'live' || !identity.certificateDigest.equals(peer.fingerprint))
    throw unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew');
  return parseEntityUri(peer.uri, 'gateway');
}
