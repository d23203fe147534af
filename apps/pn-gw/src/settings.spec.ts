import { refusesWrongSettings } from '@cpns/platform/testing';
import { AppModule } from './app.module';
import { GatewayConfig } from './config';
import { gatewayEnv } from './testing/key-world';

refusesWrongSettings(
  { name: 'pn-gw', module: AppModule, configClass: GatewayConfig },
  ({ path }) => Promise.resolve(gatewayEnv(path)),
  [
    ['missing', 'CPNS_SMF_ADDRESS', undefined],
    ['not embedded', 'CPNS_STORE', 'redis://127.0.0.1'],
    ['missing', 'CPNS_SERVER_ADDRESS', undefined],
    ['without a one-time string', 'CPNS_ONE_TIME_STRING_FILE', (directory) => directory.write('string', 'cpns1.AAAA')],
  ],
  true,
);
