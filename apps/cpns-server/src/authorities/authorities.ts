import { createIssuer, loadSigner, type Issuer } from '@cpns/certificate-issuance';
import { CpnsError } from '@cpns/core';
import { readCertificate } from '@cpns/platform';
import type { FileSetting } from '@cpns/settings';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../config';

/** The CPNS Server's own, from the settings alone: what is wrong with them shows before a store is made. */
@Injectable()
export class Authorities {
  /** Issues gateway identities and gateway CAs. */
  readonly issuingCa: Issuer;
  /** Issues target entities' certificates. */
  readonly entityCa: Issuer;

  /** @throws CpnsError CONFIGURATION_INVALID */
  constructor(config: ServerConfig) {
    const root = readCertificate(config.rootFile, 'CPNS_ROOT_FILE');
    const issuingCaDer = readCertificate(config.issuingCaFile, 'CPNS_ISSUING_CA_FILE');
    const entityCaDer = readCertificate(config.entityCaFile, 'CPNS_ENTITY_CA_FILE');
    this.issuingCa = issuer([issuingCaDer, root], config.issuingCaKeyFile, 'CPNS_ISSUING_CA_KEY_FILE');
    this.entityCa = issuer([entityCaDer, issuingCaDer, root], config.entityCaKeyFile, 'CPNS_ENTITY_CA_KEY_FILE');
  }
}

/** An authority of the Server's. @throws CpnsError CONFIGURATION_INVALID naming the setting */
function issuer(chain: readonly Buffer[], key: FileSetting, variable: string): Issuer {
  try {
    return createIssuer(chain, loadSigner(key.content.toString('utf8')));
  } catch (cause) {
    const why = cause instanceof CpnsError ? cause.message : 'it cannot be read';
    throw new CpnsError('CONFIGURATION_INVALID', `${variable} does not go with its certificate: ${why}`, { cause });
  }
}
