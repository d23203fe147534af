import { createCsr, newPrivateKey, parseCsr, signerFromPkcs8 } from '@cpns/certificate-issuance';
import { AssignmentRequest } from '@cpns/contracts';
import { SECRET_BYTES, TokenSecret } from '@cpns/core';
import { perFile, TemporaryDirectory } from '@cpns/core/testing';
import { sha256, type OneTimeString } from '@cpns/key-derivation';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { csrDer, forgetRequest, pendingRequest, requestFileOf } from './assign';

const directory = perFile(new TemporaryDirectory());

describe('csrDer', () => {
  const openssl = (...args: readonly string[]) =>
    execFileSync(
      'openssl',
      ['req', '-new', '-newkey', 'ed25519', '-nodes', '-subj', '/CN=x', '-keyout', directory.join('key'), ...args],
      { stdio: 'pipe' },
    );

  it('takes what OpenSSL writes, in PEM and in DER, with text around it', () => {
    const pem = openssl();
    expect(parseCsr(csrDer(pem)).keyKind).toBe('Ed25519');
    expect(csrDer(openssl('-text')).length).toBeLessThan(500);
    const der = openssl('-outform', 'der');
    expect(csrDer(der)).toBe(der);
  });

  it('takes the older heading, and leaves what is neither to the parser', () => {
    const pem = openssl().toString('latin1');
    const older = Buffer.from(pem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'));
    expect(parseCsr(csrDer(older)).keyKind).toBe('Ed25519');
    const garbage = Buffer.from('no csr');
    expect(csrDer(garbage)).toBe(garbage);
  });
});

describe('pendingRequest', () => {
  const root = Buffer.from('a root, as far as this is concerned');
  const oneTime = (tokenId: string): OneTimeString => ({
    tokenId,
    secret: new TokenSecret(Buffer.alloc(SECRET_BYTES, 7)),
    rootDigest: sha256(root),
    entity: 'cpns://pn1.td/pne/p',
    user: '',
    form: 'key-pair',
    peer: 'cpns://pn1.td/pn-gw/g',
    endpoint: '127.0.0.1:7431',
  });
  const newCsr = () => createCsr(signerFromPkcs8(newPrivateKey()));
  let file: string;
  beforeEach(() => (file = requestFileOf(directory.join('string'))));
  afterEach(() => forgetRequest(file));

  it('sends the same bytes again for the same token and CSR', async () => {
    const csr = await newCsr();
    const first = await pendingRequest(file, oneTime('t1'), root, csr);
    const second = await pendingRequest(file, oneTime('t1'), root, csr);
    expect(second.request).toEqual(first.request);
    expect(second.authKey.equals(first.authKey)).toBe(true);
    expect(second.admitted).toEqual(first.admitted);
    expect(AssignmentRequest.decode(first.request)).toMatchObject({ tokenId: 't1', key: { $case: 'csr' } });
  });

  it.each([
    ['another token', 't2', false],
    ['another CSR', 't1', true],
  ])('makes a new request for %s', async (_, tokenId, fresh) => {
    const csr = await newCsr();
    const first = await pendingRequest(file, oneTime('t1'), root, csr);
    const other = await pendingRequest(file, oneTime(tokenId), root, fresh ? await newCsr() : csr);
    expect(other.request).not.toEqual(first.request);
    expect(readFileSync(file)).toEqual(other.request);
  });

  it('keeps the file from others, without the secret, until it is done', async () => {
    await pendingRequest(file, oneTime('t1'), root, await newCsr());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file).includes(Buffer.alloc(SECRET_BYTES, 7))).toBe(false);
    forgetRequest(file);
    expect(existsSync(file)).toBe(false);
  });
});
