import { refusesWrongSettings } from '@cpns/platform/testing';
import { serverSideSettings, writePki } from '@cpns/testing';
import { AppModule } from './app.module';
import { SmfConfig } from './config';

refusesWrongSettings(
  { name: 'smf', module: AppModule, configClass: SmfConfig },
  async (directory) =>
    serverSideSettings('smf', directory.path, 'td.example', await writePki(directory.join('pki'), 'td.example')),
  [
    ['missing', 'CPNS_ISSUING_CA_FILE', undefined],
    ['missing', 'CPNS_SERVER_ADDRESS', undefined],
    ['without a port', 'CPNS_KEY_LOCATION', 'localhost'],
  ],
);
