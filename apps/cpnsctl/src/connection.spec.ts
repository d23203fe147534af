import { createDevelopmentPki, privateKeyPem, type Credentials, type DevelopmentPki } from '@cpns/certificate-issuance';
import { perFile, TemporaryDirectory } from '@cpns/core/testing';
import { connectToServer, connectToSmf, withSmf } from './connection';
import { UsageError } from './exit-codes';

describe('connectToServer', () => {
  const directory = perFile(new TemporaryDirectory());
  const keyOf = (name: string, { privateKey }: Credentials) => directory.write(name, privateKeyPem(privateKey));
  const server = '127.0.0.1:1';

  let pki: DevelopmentPki;
  let files: { root: string; cert: string; key: string };
  beforeAll(async () => {
    pki = await createDevelopmentPki({ trustDomain: 'home.example' });
    const operator = await pki.issueOperator('alice');
    files = {
      root: directory.write('root.pem', pki.root.certificatePem),
      cert: directory.write('operator-chain.pem', operator.chainPem),
      key: keyOf('operator.key', operator),
    };
  });

  it('expects the Server of the operator’s trust domain', () => {
    for (const flags of [
      { server, ...files },
      { server, pki: directory.path },
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
      ['cannot be read (ENOENT)', { pki: directory.join('nowhere') }],
      ['CERTIFICATE_MALFORMED', { ...files, root: directory.write('empty.pem', '') }],
      ['CERTIFICATE_CHAIN', { ...files, root: directory.write('other.pem', other.root.certificatePem) }],
      ['the certificate of a service', { ...files, cert: directory.write('kmc.pem', service.chainPem) }],
      ['is not the private key of that certificate', { ...files, key: keyOf('kmc.key', service) }],
      ['is not the private key of that certificate', { ...files, key: directory.write('no.key', 'x') }],
      ['has more than 65536 bytes', { ...files, cert: directory.write('huge.pem', 'x'.repeat(70_000)) }],
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
