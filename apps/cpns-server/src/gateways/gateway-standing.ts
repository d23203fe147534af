import { unauthenticated, parseEntityUri, type EntityName } from '@cpns/core';
import type { Receiver } from '@cpns/delivery';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GatewayRecords } from './gateway-records';
import { IDENTITY } from './records';

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
    if (identity?.state !== 'live' || !identity.certificateDigest.equals(peer.fingerprint))
      throw unauthenticated('CERTIFICATE_REVOKED', 'the gateway’s certificate is no longer in force: enrol it anew');
    return parseEntityUri(peer.uri, 'gateway');
  }
}
