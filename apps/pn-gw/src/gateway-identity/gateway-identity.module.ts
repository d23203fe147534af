/** The identity of this PN GW: the one that is stored, or one from the Server under the one-time string. */
import { dersToPem, privateKeyPem } from '@cpns/certificate-issuance';
import { parseEntityUri } from '@cpns/core';
import { OwnIdentity } from '@cpns/platform';
import { enrolGateway, SealedDeviceStates } from '@cpns/pne-sdk';
import { Records } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Global, Module } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { OneTime } from './one-time';

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
