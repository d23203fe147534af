/** How a PN GW is put together: everything that it is made of, in one place and checked by the compiler. */
import { dersToPem, privateKeyPem } from '@cpns/certificate-issuance';
import {
  DeviceCapabilitiesServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  ProofServiceService,
} from '@cpns/contracts';
import { CpnsError, systemClock, systemRandom } from '@cpns/core';
import { connectTo, createServerPort, HealthMonitor, implement, peerIdentifier, type Connection } from '@cpns/grpc';
import { parseEntityUri, serviceUri } from '@cpns/identity';
import { parseOneTimeString, type OneTimeString } from '@cpns/key-derivation';
import { enrolGateway, SealedDeviceStates, type GatewayIdentity } from '@cpns/pne-sdk';
import { openRecords, type Records } from '@cpns/records';
import { checkMasterKeyFile, type Infrastructure, type ServiceParts } from '@cpns/service';
import { openStore } from '@cpns/store';
import type { Logger } from '@cpns/telemetry';
import type { GatewayConfig } from './config';
import type { GatewayContext, ServerLink } from './context';
import { PnGatewayController, SERVED } from './controllers/pn-gateway.controller';
import { ApplyEntry } from './cskmf/apply-entry';
import { deliveryChannel } from './cskmf/delivery-channel';
import { SeedDirectory } from './cskmf/manufactured-seeds';
import { AssignHere } from './entity-user-key/assign-entity-user-key/assign-here';
import { FirstSeeds } from './entity-user-key/provision-gateway/first-seeds';
import { GatewayCa } from './entity-user-key/provision-gateway/gateway-ca';
import { keepProvisioned } from './entity-user-key/provision-gateway/provisioning-loop';
import { VerifyProof } from './proof/verify-proof';

export async function compose(config: GatewayConfig, { logger, name }: Infrastructure): Promise<ServiceParts> {
  // what is wrong with the settings shows before a store is made
  const oneTime = config.oneTimeStringFile && readOneTimeString(config.oneTimeStringFile.content);
  await checkMasterKeyFile(config.masterKeyFile);
  const store = await openStore(config.store);
  const records = await openRecords({ store, service: name, masterKeyFile: config.masterKeyFile.path });
  const identity = await enrol(config, records, oneTime, logger);
  const { link, connection } = serverLink(config, identity);
  const gateway: GatewayContext = {
    name: parseEntityUri(identity.entity),
    clock: systemClock,
    random: systemRandom,
    store,
    records,
    server: link,
    logger,
    keyLifetime: config.keyLifetime,
  };
  const seeds = new FirstSeeds(gateway);
  const ca = new GatewayCa(gateway);
  const health = new HealthMonitor({ checks: [{ name: 'store', check: () => store.ping() }], logger });
  const ports = createPorts(config, gateway, identity, new AssignHere(gateway, seeds, ca), health);
  const channel = deliveryChannel(
    gateway,
    new ApplyEntry(gateway, seeds, new SeedDirectory(config.firstSeedDirectory)),
  );
  const over = new AbortController();
  const loops: Promise<void>[] = [];
  return {
    ports,
    health,
    start: () => {
      const { signal } = over;
      loops.push(
        channel.run(signal),
        keepProvisioned([seeds, ca], { every: config.provisioningInterval, logger, signal }),
      );
      return Promise.resolve();
    },
    stop: async () => {
      over.abort();
      await Promise.all(loops);
      connection.close();
      await store.close();
    },
  };
}

/** The identity that is stored, or one from the Server under the one-time string. */
async function enrol(
  config: GatewayConfig,
  records: Records,
  oneTime: OneTimeString | undefined,
  logger: Logger,
): Promise<GatewayIdentity> {
  const states = new SealedDeviceStates(records);
  return enrolGateway({ states, logger, waitMs: config.enrolmentWait }, oneTime);
}

function readOneTimeString(content: Buffer) {
  try {
    return parseOneTimeString(content.toString('utf8').trim());
  } catch (cause) {
    const why = cause instanceof CpnsError ? `: ${cause.message}` : '';
    throw new CpnsError('CONFIGURATION_INVALID', `CPNS_ONE_TIME_STRING_FILE holds no one-time string${why}`, { cause });
  }
}

const tlsOf = ({ chain, privateKey, root }: GatewayIdentity) => ({
  cert: dersToPem(chain),
  key: privateKeyPem(privateKey),
  ca: dersToPem([root]),
});

function serverLink(config: GatewayConfig, identity: GatewayIdentity): { link: ServerLink; connection: Connection } {
  const uri = serviceUri(parseEntityUri(identity.entity).trustDomain, 'cpns-server');
  const { cert, key, ca } = tlsOf(identity);
  const connection = connectTo({ address: config.serverAddress, expectedPeer: uri, tls: { root: ca, cert, key } });
  const link: ServerLink = {
    uri,
    entityUserKey: connection.client(EntityUserKeyServiceService),
    proof: connection.client(ProofServiceService),
    deviceCapabilities: connection.client(DeviceCapabilitiesServiceService),
    groupKeyDelivery: connection.client(GroupKeyDeliveryServiceService),
  };
  return { link, connection };
}

/** The identity's chain is leaf, issuing CA, root: nothing but the issuing CA stands between. */
function issuingCaOf({ chain }: GatewayIdentity): Buffer {
  const [, issuingCa] = chain;
  if (issuingCa === undefined) throw new CpnsError('INTERNAL', 'the gateway’s chain has no issuing CA');
  return issuingCa;
}

function createPorts(
  config: GatewayConfig,
  gateway: GatewayContext,
  identity: GatewayIdentity,
  assignHere: AssignHere,
  health: HealthMonitor,
) {
  const { logger } = gateway;
  const controller = new PnGatewayController(gateway, assignHere);
  const services = [implement(SERVED, controller)];
  const proofs = new VerifyProof(gateway);
  const tls = tlsOf(identity);
  const { trustDomain } = gateway.name;
  return {
    certificate: createServerPort({
      clients: 'certificate',
      listen: config.listen,
      tls,
      identify: peerIdentifier({ issuingCaDer: issuingCaOf(identity), trustDomain, clock: systemClock }),
      services,
      logger,
      health,
    }),
    token: createServerPort({
      clients: 'none',
      listen: config.tokenListen,
      tls,
      verifyProof: (proof, method, requestDigest) => proofs.execute(proof, method, requestDigest),
      services,
      logger,
      health,
    }),
  };
}
