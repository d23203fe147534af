import { refusesWrongSettings, startService } from '@cpns/platform/testing';
import { serverSideSettings, writePki, type PkiFiles } from '@cpns/testing';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppModule } from './app.module';
import { ServerConfig } from './config';

let directory: string;
let pki: PkiFiles;
let env: Record<string, string>;
const service = () => ({ name: 'cpns-server', module: AppModule, configClass: ServerConfig, env });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cpns-server-'));
  pki = await writePki(join(directory, 'pki'), 'td.example');
  env = serverSideSettings('cpns-server', directory, 'td.example', pki);
});
afterAll(() => rmSync(directory, { recursive: true }));

function shortKey(): string {
  const file = join(directory, 'short.key');
  writeFileSync(file, 'abcd', { mode: 0o600 });
  return file;
}

refusesWrongSettings(service, 'cpns-server', [
  ['missing', 'CPNS_TRUST_DOMAIN', undefined],
  ['no trust domain', 'CPNS_TRUST_DOMAIN', 'Not A Domain'],
  ['of an unknown scheme', 'CPNS_STORE', 'mysql://127.0.0.1'],
  ['that is not there', 'CPNS_ROOT_FILE', '/nowhere/root.pem'],
  ['of the wrong service', 'CPNS_TLS_CHAIN_FILE', () => pki.services.kmc.chain],
  ['of another certificate', 'CPNS_TLS_KEY_FILE', () => pki.operator.key],
  ['of another authority', 'CPNS_ENTITY_CA_KEY_FILE', () => pki.issuingCa.key],
  ['without a port', 'CPNS_LISTEN', '127.0.0.1'],
  ['without a unit', 'CPNS_KEY_LIFETIME', '90'],
  ['of no entity', 'CPNS_FIRST_SEED_MAX_ENTITIES', '0'],
  ['misspelt', 'CPNS_TRUST_DOMIAN', 'testbed.example'],
  ['of the wrong length', 'CPNS_MASTER_KEY_FILE', shortKey],
  ['without a port', 'CPNS_KMC_ADDRESS', '127.0.0.1'],
  ['without a unit', 'CPNS_ACTIVATION_DELAY', '30'],
]);

test('with every setting right it starts', async () => {
  await (await startService(service())).close();
});
