import { refusesWrongSettings } from '@cpns/platform/testing';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppModule } from './app.module';
import { GatewayConfig } from './config';
import { gatewayEnv } from './testing/key-world';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cpns-gateway-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function noOneTimeString(): string {
  const file = join(directory, 'one-time-string');
  writeFileSync(file, 'cpns1.AAAA', { mode: 0o600 });
  return file;
}

// that it starts with every setting right is seen where it serves
refusesWrongSettings(
  () => ({ name: 'pn-gw', module: AppModule, configClass: GatewayConfig, env: gatewayEnv(directory) }),
  'pn-gw',
  [
    ['missing', 'CPNS_SMF_ADDRESS', undefined],
    ['not embedded', 'CPNS_STORE', 'redis://127.0.0.1'],
    ['missing', 'CPNS_SERVER_ADDRESS', undefined],
    ['without a one-time string', 'CPNS_ONE_TIME_STRING_FILE', noOneTimeString],
  ],
);
