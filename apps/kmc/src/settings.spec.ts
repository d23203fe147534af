import { refusesWrongSettings } from '@cpns/platform/testing';
import { serverSideSettings, writePki } from '@cpns/testing';
import { AppModule } from './app.module';
import { KmcConfig } from './config';

refusesWrongSettings(
  { name: 'kmc', module: AppModule, configClass: KmcConfig },
  async (directory) =>
    serverSideSettings('kmc', directory.path, 'td.example', await writePki(directory.join('pki'), 'td.example')),
  [['of no level', 'CPNS_LOG_LEVEL', 'loud']],
);
