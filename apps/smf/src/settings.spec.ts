import { refusesWrongSettings, startService } from '@cpns/platform/testing';
import { serverSideSettings, writePki } from '@cpns/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppModule } from './app.module';
import { SmfConfig } from './config';

let directory: string;
let env: Record<string, string>;
const service = () => ({ name: 'smf', module: AppModule, configClass: SmfConfig, env });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cpns-smf-'));
  env = serverSideSettings('smf', directory, 'td.example', await writePki(join(directory, 'pki'), 'td.example'));
});
afterAll(() => rmSync(directory, { recursive: true }));

refusesWrongSettings(service, 'smf', [
  ['missing', 'CPNS_ISSUING_CA_FILE', undefined],
  ['missing', 'CPNS_SERVER_ADDRESS', undefined],
  ['without a port', 'CPNS_KEY_LOCATION', 'localhost'],
]);

test('with every setting right it starts', async () => {
  await (await startService(service())).close();
});
