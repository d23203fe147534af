import { dersToPem, privateKeyPem } from '@cpns/certificate-issuance';
import { CpnsError, parseEntityUri } from '@cpns/core';
import { type OneTimeString, parseOneTimeString } from '@cpns/key-derivation';
import { OwnIdentity } from '@cpns/platform';
import { enrolGateway, SealedDeviceStates } from '@cpns/pne-sdk';
import { Records } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Global, Injectable, Module } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';

/** The one-time string that the gateway enrols with. */
@Injectable()
export class OneTime {
  /** Undefined where no file of it is given: after the first start none is needed. */
  readonly string: OneTimeString | undefined;

  /** @throws CpnsError CONFIGURATION_INVALID */
  constructor({ oneTimeStringFile }: GatewayConfig) {
    this.string = oneTimeStringFile && readOneTimeString(oneTimeStringFile.content);
  }
}

function readOneTimeString(content: Buffer): OneTimeString {
  try {
    return parseOneTimeString(content.toString('utf8').trim());
  } catch (cause) {
    const why = cause instanceof CpnsError ? `: ${cause.message}` : '';
    throw new CpnsError('CONFIGURATION_INVALID', `CPNS_ONE_TIME_STRING_FILE holds no one-time string${why}`, { cause });
  }
}

/** The identity of this PN GW: the one that is stored, or one from the Server under the one-time string. */
const ownGateway = {
  provide: OwnGateway,
  inject: [GatewayConfig, Records, OneTime, Logger],
  useFactory: async (
    { enrolmentWait }: GatewayConfig,
    records: Records,
    oneTime: OneTime,
    logger: Logger,
  ): Promise<OwnGateway> => {
    const states = new SealedDeviceStates(records);
    const identity = await enrolGateway({ states, logger, waitMs: enrolmentWait }, oneTime.string);
    const { entity, chain, privateKey, root } = identity;
    const tls = { cert: dersToPem(chain), key: privateKeyPem(privateKey), ca: dersToPem([root]) };
    return { uri: entity, name: parseEntityUri(entity), chain, root, tls };
  },
};

/** In all modules. It has no records: those of an enrolment are those of `@cpns/pne-sdk`. */
@Global()
@Module({
  providers: [OneTime, ownGateway, { provide: OwnIdentity, useExisting: OwnGateway }],
  exports: [OneTime, OwnGateway, OwnIdentity],
})
export class GatewayIdentityModule {}
