/** How the CPNS Server is put together: everything that it is made of, in one place and checked by the compiler. */
import { createIssuer, loadSigner, pemToDers, type Issuer } from '@cpns/certificate-issuance';
import {
  DeviceCapabilitiesServiceService,
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  ProofServiceService,
} from '@cpns/contracts';
import { CpnsError, systemClock, systemRandom } from '@cpns/core';
import { createServerPort, implement, type Peer } from '@cpns/grpc';
import { openServerSide, type FileSetting, type Infrastructure, type ServerSide, type ServiceParts } from '@cpns/service';
import type { ServerConfig } from './config';
import type { ServerContext } from './context';
import { DELIVERY_SERVED, DeliveryController } from './controllers/delivery.controller';
import { DeviceCapabilitiesController } from './controllers/device-capabilities.controller';
import { EnrolmentController } from './controllers/enrolment.controller';
import { ENTITY_USER_KEY_SERVED, EntityUserKeyController } from './controllers/entity-user-key.controller';
import { ProofController } from './controllers/proof.controller';
import { checkGatewayStanding } from './records/gateway-standing';

export async function compose(config: ServerConfig, { logger, name }: Infrastructure): Promise<ServiceParts> {
  const issuingCa = issuer(config.issuingCaFile, config.issuingCaKeyFile, 'CPNS_ISSUING_CA_KEY_FILE');
  const entityCa = issuer(config.entityCaFile, config.entityCaKeyFile, 'CPNS_ENTITY_CA_KEY_FILE');
  const side = await openServerSide(config, name, logger);
  const server = contextOf(config, side, withAbove(issuingCa, side.identity.root), entityCa);
  const entityUserKeys = new EntityUserKeyController(server);
  const delivery = new DeliveryController(server, logger);
  const { tls } = side.identity;
  const certificate = createServerPort({
    clients: 'certificate',
    listen: config.listen,
    tls,
    identify: side.identify,
    // a gateway's certificate may be ended while its connection lives
    admitPeer: async (peer: Peer) => {
      if (peer.role === 'pn-gw') await checkGatewayStanding(server, peer);
    },
    services: [
      implement(ENTITY_USER_KEY_SERVED, entityUserKeys),
      implement(EnrolmentServiceService, new EnrolmentController(server)),
      implement(ProofServiceService, new ProofController(server)),
      implement(DeviceCapabilitiesServiceService, new DeviceCapabilitiesController(server)),
      implement(DELIVERY_SERVED, delivery),
    ],
    logger,
    health: side.health,
  });
  const token = createServerPort({
    clients: 'none',
    listen: config.tokenListen,
    tls,
    services: [implement({ assignEntityUserKey: EntityUserKeyServiceService.assignEntityUserKey }, entityUserKeys)],
    logger,
    health: side.health,
  });
  return {
    ports: { certificate, token },
    health: side.health,
    stop: () => side.store.close(),
  };
}
