import { perTest, TemporaryDirectory } from '@cpns/core/testing';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { run } from '../program';
import { RecordingIo } from '../testing/recording-io';

describe('pki init', () => {
  const directory = perTest(new TemporaryDirectory());

  const init = async (...more: readonly string[]) => {
    const io = new RecordingIo();
    const code = await run(
      ['pki', 'init', '--trust-domain', 'home.example', '--out', directory.join('pki'), ...more],
      io,
    );
    return { code, ...io.written };
  };
  const file = (name: string) => directory.join(`pki/${name}`);

  it('makes what a deployment needs, which OpenSSL verifies', async () => {
    const { code, out, err } = await init('--output', 'json', '--dns', 'cpns.example', '--ip', '10.0.0.1');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { files } = JSON.parse(out) as { files: string[] };
    expect(readdirSync(directory.join('pki')).sort()).toEqual([...files].sort());
    const verify = ['verify', '-x509_strict', '-CAfile', file('root.pem')];
    const opts = { encoding: 'utf8' } as const;
    expect(execFileSync('openssl', [...verify, file('issuing.pem')], opts)).toContain('OK');
    expect(
      execFileSync('openssl', [...verify, '-untrusted', file('issuing.pem'), file('server-entity-ca.pem')], opts),
    ).toContain('OK');
    for (const name of ['cpns-server', 'kmc', 'smf', 'operator'])
      expect(
        execFileSync('openssl', [...verify, '-untrusted', file('issuing.pem'), file(`${name}-chain.pem`)], opts),
      ).toContain('OK');
    const san = new X509Certificate(readFileSync(file('kmc-chain.pem'))).subjectAltName ?? '';
    expect(san.split(', ').sort()).toEqual(
      [
        'DNS:cpns.example',
        'DNS:kmc',
        'DNS:localhost',
        'IP Address:10.0.0.1',
        'URI:cpns://home.example/service/kmc',
      ].sort(),
    );
    expect(new X509Certificate(readFileSync(file('operator-chain.pem'))).subjectAltName).toBe(
      'URI:cpns://home.example/operator/admin',
    );
  });

  it('lets only the owner read a key, and every key is that of its certificate', async () => {
    await init('--operator', 'alice');
    const pairs = [
      ['root.key', 'root.pem'],
      ['issuing.key', 'issuing.pem'],
      ['server-entity-ca.key', 'server-entity-ca.pem'],
      ['cpns-server.key', 'cpns-server-chain.pem'],
      ['operator.key', 'operator-chain.pem'],
    ] as const;
    for (const [key, certificate] of pairs) {
      expect(statSync(file(key)).mode & 0o777).toBe(0o600);
      const issued = new X509Certificate(readFileSync(file(certificate)));
      expect(issued.checkPrivateKey(createPrivateKey(readFileSync(file(key))))).toBe(true);
    }
  });

  it('overwrites nothing, and writes nothing beside what is there', async () => {
    expect((await init()).code).toBe(0);
    const root = readFileSync(file('root.pem'), 'utf8');
    rmSync(file('issuing.pem'));
    const again = await init();
    expect(again.code).toBe(64);
    expect(again.err).toMatch(/^cpnsctl: .*root\.pem is there already; nothing was written\n$/);
    expect(readFileSync(file('root.pem'), 'utf8')).toBe(root);
    expect(existsSync(file('issuing.pem'))).toBe(false);
  });

  it.each([
    ['a trust domain that is none', ['--trust-domain', 'Home'], /trust domain/],
    ['a DNS name that is none', ['--dns', 'a_b'], /DNS name/],
    ['an address that is none', ['--ip', 'localhost'], /IPv4/],
    ['too many names', Array.from({ length: 20 }, (_, i) => ['--dns', `n${i}.example`]).flat(), /at most/],
  ])('refuses %s', async (_, options, message) => {
    const { code, err } = await init(...options);
    expect(code).toBe(64);
    expect(err).toMatch(message);
    expect(existsSync(file('root.pem'))).toBe(false);
  });

  it('says when it cannot write', async () => {
    directory.write('pki', 'a file');
    const { code, err } = await init();
    expect(code).toBe(64);
    expect(err).toMatch(/cannot be written \(E(EXIST|NOTDIR)\)/);
  });
});
