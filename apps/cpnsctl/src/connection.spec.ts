import { createDevelopmentPki, privateKeyPem, type Credentials, type DevelopmentPki } from '@cpns/certificate-issuance';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectToServer, connectToSmf, withSmf } from './connection';
import { UsageError } from './exit-codes';

describe('connectToServer', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpnsctl-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const keyOf = (name: string, { privateKey }: Credentials) => file(name, privateKeyPem(privateKey));
  const server = '127.0.0.1:1';

  let pki: DevelopmentPki;
  let files: { root: string; cert: string; key: string };
  beforeAll(async () => {
    pki = await createDevelopmentPki({ trustDomain: 'home.example' });
    const operator = await pki.issueOperator('alice');
    files = {
      root: file('root.pem', pki.root.certificatePem),
      cert: file('operator-chain.pem', operator.chainPem),
      key: keyOf('operator.key', operator),
    };
  });

  it('expects the Server of the operator’s trust domain', () => {
    for (const flags of [
      { server, ...files },
      { server, pki: directory },
    ]) {
      const connection = connectToServer(flags, Date.now());
      expect(connection.uri).toBe('cpns://home.example/service/cpns-server');
      connection.close();
    }
  });

  it('reaches the SMF by the same files, and says when it is not there', async () => {
    const flags = { smf: server, ...files };
    const call = withSmf(flags, Date.now(), ({ serviceGroups }) => serviceGroups.getServiceGroup({ groupId: 'g' }));
    await expect(call).rejects.toMatchObject({
      reason: 'DEPENDENCY_UNAVAILABLE',
      metadata: { dependency: 'cpns://home.example/service/smf' },
    });
    expect(() => connectToSmf({ smf: server }, Date.now())).toThrow('give --pki, or --root');
  });

  it('tells what is missing, and what is not what it should be', async () => {
    const service = await pki.issueService('kmc');
    const other = await createDevelopmentPki({ trustDomain: 'other.example' });
    const cases: readonly (readonly [string, object])[] = [
      ['give --pki, or --root', {}],
      ['give --pki, or --key', { root: files.root, cert: files.cert }],
      ['cannot be read (ENOENT)', { pki: join(directory, 'nowhere') }],
      ['CERTIFICATE_MALFORMED', { ...files, root: file('empty.pem', '') }],
      ['CERTIFICATE_CHAIN', { ...files, root: file('other.pem', other.root.certificatePem) }],
      ['the certificate of a service', { ...files, cert: file('kmc.pem', service.chainPem) }],
      ['is not the private key of that certificate', { ...files, key: keyOf('kmc.key', service) }],
      ['is not the private key of that certificate', { ...files, key: file('no.key', 'x') }],
      ['has more than 65536 bytes', { ...files, cert: file('huge.pem', 'x'.repeat(70_000)) }],
    ];
    for (const [message, flags] of cases) {
      const call = () => connectToServer({ server, ...flags }, Date.now());
      expect(call).toThrow(UsageError);
      expect(call).toThrow(message);
    }
  });

  it('takes no certificate that has ended', () => {
    const later = Date.now() + 4 * 365 * 86_400_000;
    expect(() => connectToServer({ server, ...files }, later)).toThrow(/CERTIFICATE_EXPIRED/);
  });
});
