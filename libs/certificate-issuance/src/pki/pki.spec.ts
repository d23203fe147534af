import { createPrivateKey } from 'node:crypto';
import { inspect } from 'node:util';
import { FakeClock, reasonOf, reasonOfAsync, itHolds } from '@cpns/core/testing';
import fc from 'fast-check';
import { verifyChain } from '../chain/verify-chain';
import { newKey, opensslOk, opensslVerify, TRUST_DOMAIN } from '../testing';
import { createDevelopmentPki, newPrivateKey, privateKeyPem, type DevelopmentPki } from './development-pki';
import { loadIssuer, loadSigner } from './load-issuer';
import { derToPem, dersToPem, pemToDers } from './pem';

const clock = new FakeClock();
let pki: DevelopmentPki;
beforeAll(async () => {
  pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock });
});

describe('PEM (RFC 7468)', () => {
  itHolds(
    'comes back, in order',
    [fc.array(fc.uint8Array({ minLength: 1, maxLength: 500 }), { minLength: 1, maxLength: 5 })],
    (ders) => {
      expect(pemToDers(dersToPem(ders))).toEqual(ders.map((der) => Buffer.from(der)));
    },
  );

  it('is what OpenSSL writes', () => {
    const der = pki.root.chain[0]!;
    expect(opensslOk(['x509', '-inform', 'DER'], der).toString()).toBe(derToPem(der));
  });

  it('may have text around it, and other line ends', () => {
    const der = pki.root.chain[0]!;
    const pem = `subject: root\n${derToPem(der)}\nand more\n`.replaceAll('\n', '\r\n');
    expect(pemToDers(pem)).toEqual([der]);
  });

  it.each([
    ['nothing', ''],
    ['no certificate', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    ['no base64', '-----BEGIN CERTIFICATE-----\nA!==\n-----END CERTIFICATE-----\n'],
    ['base64 of another length', '-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n'],
    ['base64 with bits over', '-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----\n'],
    ['an end that is missing', `-----BEGIN CERTIFICATE-----\nAAAA\n${derToPem(Buffer.alloc(3))}`],
    ['64 KiB and more', derToPem(Buffer.alloc(50_000))],
  ])('is refused when it holds %s', (_what, pem) => {
    expect(reasonOf(() => pemToDers(derToPem(Buffer.alloc(3))))).toBe('accepted');
    expect(reasonOf(() => pemToDers(pem))).toBe('CERTIFICATE_MALFORMED');
  });
});

describe('development PKI', () => {
  it('stands up to openssl verify -x509_strict', async () => {
    const service = await pki.issueService('kmc', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
    const operator = await pki.issueOperator('ann');
    for (const { chain } of [service, operator, pki.issuingCa, pki.serverEntityCa]) {
      const isLeaf = chain === service.chain || chain === operator.chain;
      const purpose = chain === service.chain ? 'sslserver' : 'sslclient';
      // authorities are no TLS clients, which is all that OpenSSL has to say against them
      const expected = isLeaf ? /OK/ : /unsuitable certificate purpose/;
      expect(opensslVerify({ chain, at: clock.now(), purpose }).text).toMatch(expected);
    }
  });

  it('names what it was asked for', async () => {
    const operator = await pki.issueOperator('ann', clock.now() + 60_000);
    const [root] = pki.root.chain;
    const chain = { chain: operator.chain, root: root!, now: clock.now(), trustDomain: TRUST_DOMAIN };
    expect(verifyChain(chain)).toMatchObject({
      role: 'operator',
      notAfter: clock.now() + 60_000,
      subject: { name: { uri: `cpns://${TRUST_DOMAIN}/operator/ann` } },
    });
  });

  it('gives every certificate a key of its own, which is in its file', async () => {
    const services = [await pki.issueService('smf'), await pki.issueService('smf')];
    const all = [pki.root, pki.issuingCa, pki.serverEntityCa, ...services];
    const keys = all.map(({ privateKey, chain }) => {
      const pub = opensslOk(['x509', '-inform', 'DER', '-pubkey', '-noout'], chain[0]).toString();
      expect(opensslOk(['pkey', '-pubout'], privateKeyPem(privateKey)).toString()).toBe(pub);
      return pub;
    });
    expect(new Set(keys).size).toBe(all.length);
  });

  it('prints no key', () => {
    const scalar = createPrivateKey(privateKeyPem(pki.root.privateKey)).export({ format: 'jwk' }).d!;
    const printed = inspect(pki, { depth: 10 }) + JSON.stringify({ root: pki.root.privateKey });
    expect(printed).not.toContain(scalar);
    expect(printed).not.toContain(pki.root.privateKey.expose().toString('base64').slice(40, 80));
    expect(printed).toContain('[redacted]');
  });

  it.each([
    ['', 'FIELD_MISSING'],
    ['Example.org', 'NAME_INVALID'],
    ['a/b', 'NAME_INVALID'],
    ['a'.repeat(300), 'FIELD_TOO_LONG'],
  ])('refuses the trust domain %j: %s', async (trustDomain, reason) => {
    expect(await reasonOfAsync(() => createDevelopmentPki({ trustDomain, clock }))).toBe(reason);
  });

  it('refuses a service without a proper name', async () => {
    expect(await reasonOfAsync(() => pki.issueService('kmc'))).toBe('accepted');
    expect(await reasonOfAsync(() => pki.issueService('KMC'))).toBe('NAME_INVALID');
    expect(await reasonOfAsync(() => pki.issueOperator('a/b'))).toBe('NAME_INVALID');
  });
});

describe('an issuer from files', () => {
  it('is the one that was written', () => {
    const issuer = loadIssuer(pki.serverEntityCa.chainPem, privateKeyPem(pki.serverEntityCa.privateKey));
    expect(issuer.profile.id).toBe('server-entity-ca');
    expect(issuer.chain).toEqual(pki.serverEntityCa.chain);
  });

  it.each(['P-256', 'RSA-2048', 'Ed25519'] as const)('has a %s key in any form that OpenSSL writes', (kind) => {
    const pem = newKey(kind).export({ format: 'pem', type: 'pkcs8' }).toString();
    const traditional = kind === 'Ed25519' ? pem : opensslOk(['pkey', '-traditional'], pem).toString();
    for (const text of [pem, traditional]) expect(loadSigner(text).publicKey.kind).toBe(kind);
  });

  const p384 = () => opensslOk(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']).toString();
  const encrypted = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  it.each<[string, () => string]>([
    ['another key', () => privateKeyPem(newPrivateKey())],
    ['no key', () => 'secret'],
    ['an encrypted key', () => newKey().export(encrypted).toString()],
    ['a key of P-384', p384],
  ])('is refused with %s', (_what, key) => {
    expect(reasonOf(() => loadIssuer(pki.serverEntityCa.chainPem, key()))).toBe('CONFIGURATION_INVALID');
  });

  it('is refused with no certificate', () => {
    expect(reasonOf(() => loadIssuer('', privateKeyPem(pki.root.privateKey)))).toBe('CERTIFICATE_MALFORMED');
  });

  it('says nothing of the key that it could not read', () => {
    const secret = 'MHcCAQEEISecretSecretSecret';
    try {
      loadSigner(`-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`);
    } catch (error) {
      expect(inspect(error, { depth: 10 })).not.toContain(secret);
      return;
    }
    throw new Error('it was read');
  });
});
