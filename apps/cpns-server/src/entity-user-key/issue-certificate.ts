import {
  checkRequestedName,
  issueCertificate,
  type IssueRequest,
  type Issuer,
  type ParsedCsr,
} from '@cpns/certificate-issuance';
import { Clock, formatSubject, Random } from '@cpns/core';
import { sha256 } from '@cpns/key-derivation';
import { Injectable } from '@nestjs/common';
import { Authorities } from '../authorities/authorities';
import { ServerConfig } from '../config';
import type { AdmissionRecord } from '../entities/records';

export interface Issued {
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** SHA-256 of the leaf, 32 bytes. */
  readonly digest: Buffer;
  /** SHA-256 of its public key, 32 bytes. */
  readonly keyDigest: Buffer;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

interface ToIssue {
  readonly issuer: Issuer;
  readonly request: IssueRequest;
}

/** The certificate of the entity that was admitted; of the request it takes the public key alone. */
@Injectable()
export class IssueCertificate {
  constructor(
    private readonly authorities: Authorities,
    private readonly config: ServerConfig,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** @throws CpnsError CSR_NAME_MISMATCH */
  async execute(admission: AdmissionRecord, csr: ParsedCsr): Promise<Issued> {
    checkRequestedName(csr, formatSubject(admission.entity, admission.user));
    const { issuer, request } =
      admission.role === 'pn-gw' ? this.identity(admission, csr) : this.targetEntity(admission, csr);
    const { clock, random } = this;
    const { chain, fingerprint, notAfter } = await issueCertificate(issuer, request, { clock, random });
    return { chain, digest: fingerprint, keyDigest: sha256(csr.spki), notAfter };
  }

  private identity({ entity, dnsNames, ipAddresses }: AdmissionRecord, { key }: ParsedCsr): ToIssue {
    const notAfter = this.clock.now() + this.config.identityLifetime;
    return {
      issuer: this.authorities.issuingCa,
      request: { profile: 'gateway-identity', uri: entity, dnsNames, ipAddresses, key, notAfter },
    };
  }

  private targetEntity({ entity, user }: AdmissionRecord, { key }: ParsedCsr): ToIssue {
    const notAfter = this.clock.now() + this.config.keyLifetime;
    return {
      issuer: this.authorities.entityCa,
      request: { profile: 'target-entity', uri: formatSubject(entity, user), key, notAfter },
    };
  }
}
