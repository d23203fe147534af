import { refusesWrongSettings, startService } from '@cpns/platform/testing';
import { serverSideSettings, writePki } from '@cpns/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppModule } from './app.module';
import { KmcConfig } from './config';

let directory: string;
let env: Record<string, string>;
const service = () => ({ name: 'kmc', module: AppModule, configClass: KmcConfig, env });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cpns-kmc-'));
  env = serverSideSettings('kmc', directory, 'td.example', await writePki(join(directory, 'pki'), 'td.example'));
});
afterAll(() => rmSync(directory, { recursive: true }));

refusesWrongSettings(service, 'kmc', [['of no level', 'CPNS_LOG_LEVEL', 'loud']]);

test('with every setting right it starts', async () => {
  await (await startService(service())).close();
});
