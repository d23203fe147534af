import { refusesWrongSettings } from '@cpns/platform/testing';
import { serverSideSettings, writePki } from '@cpns/testing';
import { AppModule } from './app.module';
import { ServerConfig } from './config';

refusesWrongSettings(
  { name: 'cpns-server', module: AppModule, configClass: ServerConfig },
  async (directory) =>
    serverSideSettings(
      'cpns-server',
      directory.path,
      'td.example',
      await writePki(directory.join('pki'), 'td.example'),
    ),
  [
    ['missing', 'CPNS_TRUST_DOMAIN', undefined],
    ['no trust domain', 'CPNS_TRUST_DOMAIN', 'Not A Domain'],
    ['of an unknown scheme', 'CPNS_STORE', 'mysql://127.0.0.1'],
    ['that is not there', 'CPNS_ROOT_FILE', '/nowhere/root.pem'],
    ['of the wrong service', 'CPNS_TLS_CHAIN_FILE', (directory) => directory.join('pki/kmc-chain.pem')],
    ['of another certificate', 'CPNS_TLS_KEY_FILE', (directory) => directory.join('pki/operator.key')],
    ['of another authority', 'CPNS_ENTITY_CA_KEY_FILE', (directory) => directory.join('pki/issuing.key')],
    ['without a port', 'CPNS_LISTEN', '127.0.0.1'],
    ['without a unit', 'CPNS_KEY_LIFETIME', '90'],
    ['of no entity', 'CPNS_FIRST_SEED_MAX_ENTITIES', '0'],
    ['misspelt', 'CPNS_TRUST_DOMIAN', 'testbed.example'],
    ['of the wrong length', 'CPNS_MASTER_KEY_FILE', (directory) => directory.write('short.key', 'abcd')],
    ['without a port', 'CPNS_KMC_ADDRESS', '127.0.0.1'],
    ['without a port', 'CPNS_SMF_ADDRESS', '127.0.0.1'],
    ['without a unit', 'CPNS_ACTIVATION_DELAY', '30'],
  ],
);
