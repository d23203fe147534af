/** What each service is started with. */
import { join } from 'node:path';
import { writeMasterKey, type PkiFiles, type ServerSideService } from './pki-files';
import type { ServiceApp } from './service';

/** Whom a service calls: the variable that takes the address of whose certificate port. */
const PEERS: Readonly<Record<ServiceApp, Readonly<Record<string, ServerSideService>>>> = {
  kmc: { CPNS_SERVER_ADDRESS: 'cpns-server' },
  'cpns-server': { CPNS_KMC_ADDRESS: 'kmc', CPNS_SMF_ADDRESS: 'smf' },
  smf: { CPNS_SERVER_ADDRESS: 'cpns-server' },
  'pn-gw': { CPNS_SERVER_ADDRESS: 'cpns-server', CPNS_SMF_ADDRESS: 'smf' },
};

/** The variables that tell a service where its peers are. */
export const peersOf = (app: ServiceApp, addressOf: (name: ServerSideService) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(PEERS[app]).map(([variable, name]) => [variable, addressOf(name)]));

/** An address that nothing answers at. */
export const NOWHERE = '127.0.0.1:1';

/** What every process is started with. @param directory of its own */
export const storeSettings = (directory: string): Record<string, string> => ({
  CPNS_STORE: `embedded:${join(directory, 'store')}`,
  CPNS_MASTER_KEY_FILE: writeMasterKey(join(directory, 'master.key')),
});

/** A service of the Server side alone, with every setting right: whom it calls is not there. @param directory of its own */
export function serverSideSettings(
  name: ServerSideService,
  directory: string,
  trustDomain: string,
  pki: PkiFiles,
): Record<string, string> {
  const ofServer = {
    CPNS_TOKEN_LISTEN: '127.0.0.1:0',
    CPNS_ISSUING_CA_KEY_FILE: pki.issuingCa.key,
    CPNS_ENTITY_CA_FILE: pki.serverEntityCa.certificate,
    CPNS_ENTITY_CA_KEY_FILE: pki.serverEntityCa.key,
  };
  return {
    ...storeSettings(directory),
    CPNS_LISTEN: '127.0.0.1:0',
    CPNS_TRUST_DOMAIN: trustDomain,
    CPNS_ROOT_FILE: pki.root,
    CPNS_TLS_CHAIN_FILE: pki.services[name].chain,
    CPNS_TLS_KEY_FILE: pki.services[name].key,
    CPNS_ISSUING_CA_FILE: pki.issuingCa.certificate,
    ...(name === 'cpns-server' ? ofServer : {}),
    ...peersOf(name, () => NOWHERE),
  };
}
