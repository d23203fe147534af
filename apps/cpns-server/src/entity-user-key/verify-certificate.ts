import { verifyChain, type VerifiedPeer } from '@cpns/certificate-issuance';
import { Clock, permissionDenied, Random, unauthenticated } from '@cpns/core';
import {
  deriveKeyId,
  hpkeKeyStatement,
  keyIdBytes,
  offerPairwise,
  pairwiseStatement,
  requireSignature,
  sha256,
  signBytes,
} from '@cpns/key-derivation';
import type { CheckedCertificateRegistration } from '@cpns/contracts';
import { ServiceIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import type { AdmissionRecord } from '../entities/records';
import { GatewayRecords } from '../gateways/gateway-records';
import { GATEWAY_CA, gatewayCaName } from '../gateways/records';
import type { AgreedKey } from './derive-from-seeds';

/**
 * 5.3.1.12.5.4: the hierarchical trust model. A gateway CA's certificate counts only for an entity whose admission names
 * that gateway as assigner, one of the Server's own only where the Server is the assigner.
 */
@Injectable()
export class VerifyCertificate {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly gateways: GatewayRecords,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  async execute(admission: AdmissionRecord, request: CheckedCertificateRegistration): Promise<AgreedKey> {
    const peer = verifyChain({
      chain: request.chain,
      root: this.own.root,
      now: this.clock.now(),
      trustDomain: this.own.trustDomain,
    });
    const { name, user } = peer.subject;
    if (peer.role !== 'target-entity' || name.kind !== 'entity')
      throw permissionDenied('CERTIFICATE_ROLE', 'only a target entity’s certificate registers');
    if (name.uri !== request.entity.uri || user !== request.user)
      throw permissionDenied(
        'TOKEN_OTHER_ENTITY',
        'the certificate names another entity or user than the token admits',
      );
    await this.checkIssuer(admission, peer);
    const { entity, tokenId, hpkeKey, signature } = request;
    const certificate = peer.leafDer;
    requireSignature(
      peer.key.keyObject,
      hpkeKeyStatement({ entity: entity.uri, tokenId, certificate, hpkeKey }),
      signature,
    );
    const { enc, secret } = offerPairwise({ entity: entity.uri, user, certificate }, hpkeKey, this.random);
    const statement = pairwiseStatement({ entity: entity.uri, certificate, hpkeKey, enc });
    const keyId = deriveKeyId(secret);
    return {
      secret,
      keyId,
      notAfter: peer.notAfter,
      certificateDigest: peer.fingerprint,
      reply: {
        form: 'key-pair',
        keyId: keyIdBytes(keyId),
        enc,
        signature: signBytes(this.own.key, statement),
        chain: this.own.chain,
      },
    };
  }

  private async checkIssuer(admission: AdmissionRecord, peer: VerifiedPeer): Promise<void> {
    const notAssigner = () =>
      permissionDenied(
        'ISSUER_NOT_ASSIGNER',
        'the certificate was not issued by the assigner that the admission names',
      );
    if (admission.assigner === this.own.uri) {
      if (peer.issuedBy !== 'server-entity-ca') throw notAssigner();
      if (!admission.certificateDigest?.equals(peer.fingerprint))
        throw permissionDenied('TOKEN_OTHER_ENTITY', 'the certificate was assigned under another token');
      return;
    }
    if (peer.issuedBy !== 'gateway-ca' || peer.issuer?.uri !== admission.assigner) throw notAssigner();
    const digest = sha256(peer.issuerDer).toString('hex');
    const wanted = { ca: at(GATEWAY_CA, gatewayCaName(digest)) };
    const { ca } = await this.gateways.readRecent(admission.assigner, wanted);
    if (ca === undefined || ca.revoked)
      throw unauthenticated('CERTIFICATE_REVOKED', 'the gateway CA’s certificate is not in force');
  }
}
