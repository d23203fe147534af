/** How a PN GW is put together: everything that it is made of, in one place and checked by the compiler. */
import { CpnsError, systemClock, systemRandom, parseEntityUri } from '@cpns/core';
import { StatementVerifier } from '@cpns/group-key';
import { createServerPort, HealthMonitor, implement, peerIdentifier } from '@cpns/grpc';
import { parseOneTimeString, type OneTimeString } from '@cpns/key-derivation';
import { enrolGateway, SealedDeviceStates, type GatewayIdentity } from '@cpns/pne-sdk';
import { openRecords, type Records, openStore } from '@cpns/store';
import { checkMasterKeyFile, type Infrastructure, type ServiceParts } from '@cpns/platform';
import type { Logger } from '@cpns/telemetry';
import type { GatewayConfig } from './config';
import type { GatewayContext } from './context';
import { PnGatewayController, SERVED } from './controllers/pn-gateway.controller';
import { ApplyEntry } from './cskmf/apply-entry';
import { deliveryChannel } from './cskmf/delivery-channel';
import { SeedDirectory } from './cskmf/manufactured-seeds';
import { AssignHere } from './entity-user-key/assign-entity-user-key/assign-here';
import { FirstSeeds } from './entity-user-key/provision-gateway/first-seeds';
import { GatewayCa } from './entity-user-key/provision-gateway/gateway-ca';
import { keepProvisioned } from './entity-user-key/provision-gateway/provisioning-loop';
import { composeGroups } from './groups/compose-groups';
import { openLinks, tlsOf, type Links } from './links';
import { VerifyProof } from './proof/verify-proof';
import { noticeChannel } from './smf/notice-channel';

export async function compose(config: GatewayConfig, { logger, name: service }: Infrastructure): Promise<ServiceParts> {
  // what is wrong with the settings shows before a store is made
  const oneTime = config.oneTimeStringFile && readOneTimeString(config.oneTimeStringFile.content);
  await checkMasterKeyFile(config.masterKeyFile);
  const store = await openStore(config.store);
  const records = await openRecords({ store, service, masterKeyFile: config.masterKeyFile.path });
  const identity = await enrol(config, records, oneTime, logger);
  const links = openLinks(config, identity);
  const gateway = gatewayContext(config, identity, links, { store, records, logger });
  const seeds = new FirstSeeds(gateway);
  const ca = new GatewayCa(gateway);
  const { seca, pushes, requests, notices } = composeGroups(gateway);
  const health = new HealthMonitor({ checks: [{ name: 'store', check: () => store.ping() }], logger });
  const assignHere = new AssignHere(gateway, seeds, ca);
  const { watchLifetime, firstSeedDirectory } = config;
  const controller = new PnGatewayController({ gateway, assignHere, seca, watchLifetime });
  const manufactured = new SeedDirectory(firstSeedDirectory);
  const channels = [
    deliveryChannel(gateway, new ApplyEntry({ gateway, seeds, manufactured, pushes, hub: seca.hub })),
    noticeChannel(gateway, notices),
  ];
  const over = new AbortController();
  const loops: Promise<void>[] = [];
  return {
    ports: createPorts(config, gateway, identity, controller, health),
    health,
    start: () => {
      const { signal } = over;
      loops.push(
        ...channels.map((channel) => channel.run(signal)),
        requests.run(signal),
        keepProvisioned([seeds, ca], { every: config.provisioningInterval, logger, signal }),
      );
      return Promise.resolve();
    },
    stop: async () => {
      over.abort();
      await Promise.all(loops);
      links.close();
      await store.close();
    },
  };
}

function gatewayContext(
  { keyLifetime }: GatewayConfig,
  { entity, root }: GatewayIdentity,
  { server, smf }: Links,
  kept: Pick<GatewayContext, 'store' | 'records' | 'logger'>,
): GatewayContext {
  const name = parseEntityUri(entity);
  const { trustDomain } = name;
  const statements = new StatementVerifier({ root, trustDomain, clock: systemClock });
  return { ...kept, name, clock: systemClock, random: systemRandom, server, smf, statements, keyLifetime };
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
  controller: PnGatewayController,
  health: HealthMonitor,
) {
  const { logger } = gateway;
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
