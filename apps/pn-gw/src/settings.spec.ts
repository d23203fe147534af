import { refusesWrongSettings } from '@cpns/platform/testing';
import { AppModule } from './app.module';
import { certificatePortOf, GatewayConfig } from './config';
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

test.each([
  [{ listen: '0.0.0.0:7430', certificatePort: undefined }, 7430],
  [{ listen: '[::1]:7430', certificatePort: 7440 }, 7440],
  [{ listen: '127.0.0.1:0', certificatePort: undefined }, 0],
])('%j tells entities the port %i', (config, told) => expect(certificatePortOf(config)).toBe(told));
