/** What each service is started with, besides what all have in common. */
import { serviceUri } from '@cpns/core';
import type { PkiFiles, ServerSideService } from './pki-files';
import type { ServiceSpec } from './service';

type Peers = Readonly<Partial<Record<string, ServerSideService>>>;

/** Whom a service calls: the variable that takes the address of whose certificate port. */
const PEERS: Readonly<Record<ServiceSpec['app'], Peers>> = {
  kmc: {},
  'cpns-server': { CPNS_KMC_ADDRESS: 'kmc' },
  smf: { CPNS_SERVER_ADDRESS: 'cpns-server' },
  'pn-gw': { CPNS_SERVER_ADDRESS: 'cpns-server', CPNS_SMF_ADDRESS: 'smf' },
};

/** The variables that tell a service where its peers are. */
export const peersOf = (
  app: ServiceSpec['app'],
  addressOf: (name: ServerSideService) => string,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(PEERS[app]).flatMap(([variable, name]) => (name === undefined ? [] : [[variable, addressOf(name)]])),
  );

/** A service of the Server side, as far as it depends on nothing but its certificates. */
export function serverSideSpec(
  name: ServerSideService,
  directory: string,
  trustDomain: string,
  pki: PkiFiles,
): ServiceSpec {
  const isServer = name === 'cpns-server';
  const authorities = {
    CPNS_ISSUING_CA_KEY_FILE: pki.issuingCa.key,
    CPNS_ENTITY_CA_FILE: pki.serverEntityCa.certificate,
    CPNS_ENTITY_CA_KEY_FILE: pki.serverEntityCa.key,
  };
  return {
    name,
    app: name,
    uri: serviceUri(trustDomain, name),
    directory,
    listen: { certificate: 'CPNS_LISTEN', ...(isServer ? { token: 'CPNS_TOKEN_LISTEN' } : {}) },
    env: {
      CPNS_TRUST_DOMAIN: trustDomain,
      CPNS_ROOT_FILE: pki.root,
      CPNS_TLS_CHAIN_FILE: pki.services[name].chain,
      CPNS_TLS_KEY_FILE: pki.services[name].key,
      CPNS_ISSUING_CA_FILE: pki.issuingCa.certificate,
      ...(isServer ? authorities : {}),
    },
    nodeOptions: [],
  };
}
