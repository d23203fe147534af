/** How the CPNS Server is put together: everything that it is made of, in one place and checked by the compiler. */
import { createIssuer, loadSigner, type Issuer } from '@cpns/certificate-issuance';
import {
  DeviceCapabilitiesServiceService,
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  ProofServiceService,
} from '@cpns/contracts';
import { CpnsError, systemClock, systemRandom } from '@cpns/core';
import { createServerPort, implement, MAX_MESSAGE_BYTES, type Peer } from '@cpns/grpc';
import {
  openServerSide,
  readCertificate,
  type Infrastructure,
  type ServerSide,
  type ServiceParts,
} from '@cpns/platform';
import type { FileSetting } from '@cpns/settings';
import type { ServerConfig } from './config';
import type { ServerContext } from './context';
import { DeliveryController } from './controllers/delivery.controller';
import { DeviceCapabilitiesController } from './controllers/device-capabilities.controller';
import { EnrolmentController } from './controllers/enrolment.controller';
import { ENTITY_USER_KEY_SERVED, EntityUserKeyController } from './controllers/entity-user-key.controller';
import {
  GROUP_KEY_MANAGEMENT_SERVED,
  GroupKeyManagementController,
} from './controllers/group-key-management.controller';
import { ProofController } from './controllers/proof.controller';
import { composeCskmf } from './cskmf/compose-cskmf';
import { checkGatewayStanding } from './records/gateway-standing';
import { RecentRecords } from './records/recent-records';

/** A change of 1,000 members, each with the longest of names, in bytes. */
const SMF_MESSAGE_BYTES = 1_048_576;
/** What every other message has to do with. */
const SMALL = { maxRequestBytes: MAX_MESSAGE_BYTES } as const;

export async function compose(config: ServerConfig, { logger, name }: Infrastructure): Promise<ServiceParts> {
  const { issuingCa, entityCa } = authorities(config);
  const side = await openServerSide(config, name, logger);
  const { tls } = side.identity;
  const server = contextOf(config, side, issuingCa, entityCa);
  const { kmcAddress, activationDelay } = config;
  const cskmf = composeCskmf({ server, identity: side.identity, kmcAddress, activationDelay, logger });
  const delivery = new DeliveryController(server, cskmf.context);
  const entityUserKeys = new EntityUserKeyController(server, (gateway) => delivery.endOf(gateway));
  const certificate = createServerPort({
    clients: 'certificate',
    listen: config.listen,
    tls,
    identify: side.identify,
    // SMF names up to 1,000 entities at a time, in full
    maxMessageBytes: SMF_MESSAGE_BYTES,
    // a gateway's certificate may be ended while its connection lives
    admitPeer: async (peer: Peer) => {
      if (peer.role === 'pn-gw') await checkGatewayStanding(server, peer);
    },
    services: [
      implement(ENTITY_USER_KEY_SERVED, entityUserKeys, SMALL),
      implement(EnrolmentServiceService, new EnrolmentController(server), SMALL),
      implement(ProofServiceService, new ProofController(server), SMALL),
      implement(DeviceCapabilitiesServiceService, new DeviceCapabilitiesController(server), SMALL),
      implement(GroupKeyDeliveryServiceService, delivery, { ...SMALL, besideStanding: ['pullGroupKey'] }),
      implement(GROUP_KEY_MANAGEMENT_SERVED, new GroupKeyManagementController(cskmf.context)),
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
    start: () => Promise.resolve(cskmf.start()),
    stop: async () => {
      delivery.stop();
      await cskmf.stop();
      await side.store.close();
    },
  };
}

function contextOf(config: ServerConfig, side: ServerSide, issuingCa: Issuer, entityCa: Issuer): ServerContext {
  const { keyLifetime, identityLifetime, gatewayCaLifetime } = config;
  const { firstSeedAssignFor, firstSeedRegisterFor, firstSeedMaxEntities } = config;
  return {
    uri: side.uri,
    trustDomain: config.trustDomain,
    clock: systemClock,
    random: systemRandom,
    store: side.store,
    records: side.records,
    recent: new RecentRecords(side.store, side.records),
    limits: {
      keyLifetime,
      identityLifetime,
      gatewayCaLifetime,
      firstSeedAssignFor,
      firstSeedRegisterFor,
      firstSeedMaxEntities,
    },
    issuingCa,
    entityCa,
    root: side.identity.root,
    signingKey: side.identity.key,
    chain: side.identity.chain,
  };
}

/** From the settings alone: what is wrong with them shows before a store is made. @throws CpnsError CONFIGURATION_INVALID */
function authorities(config: ServerConfig): { readonly issuingCa: Issuer; readonly entityCa: Issuer } {
  const root = readCertificate(config.rootFile, 'CPNS_ROOT_FILE');
  const issuingCaDer = readCertificate(config.issuingCaFile, 'CPNS_ISSUING_CA_FILE');
  const entityCaDer = readCertificate(config.entityCaFile, 'CPNS_ENTITY_CA_FILE');
  return {
    issuingCa: issuer([issuingCaDer, root], config.issuingCaKeyFile, 'CPNS_ISSUING_CA_KEY_FILE'),
    entityCa: issuer([entityCaDer, issuingCaDer, root], config.entityCaKeyFile, 'CPNS_ENTITY_CA_KEY_FILE'),
  };
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
