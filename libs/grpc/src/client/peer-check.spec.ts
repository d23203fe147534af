import { CpnsError } from '@cpns/core';
import { X509Certificate } from 'node:crypto';
import { TestPki } from '../testing';
import { serverIdentityCheck, soleUri } from './peer-check';

const pki = new TestPki();
const URI = 'cpns://pn1.td/pn-gw/gw1';

describe('the sole URI of a certificate made by OpenSSL', () => {
  test.each([
    ['one URI', [`URI:${URI}`], URI],
    ['with names and addresses', [`URI:${URI}`, 'DNS:gw1.example', 'IP:127.0.0.1', 'IP:::1'], URI],
    ['with a user', [`URI:${URI}?user=ann`], URI],
    ['two URIs', [`URI:${URI}`, 'URI:cpns://pn1.td/pn-gw/gw2'], undefined],
    ['the same URI twice', [`URI:${URI}`, `URI:${URI}`], undefined],
    ['no URI', ['DNS:gw1.example'], undefined],
    ['a mail address besides', [`URI:${URI}`, 'email:a@b.example'], undefined],
    ['a registered id besides', [`URI:${URI}`, 'RID:1.2.3.4'], undefined],
    ['a query that is no user', [`URI:${URI}?x=1`], `${URI}?x=1`],
  ])('%s', (_what, sans, expected) => {
    expect(soleUri(new X509Certificate(pki.leaf(...sans)).subjectAltName)).toBe(expected);
  });

  test.each([
    ['nothing', undefined],
    ['a DNS name that pretends to be two entries', `DNS:"a, URI:${URI}"`],
    ['a URI with a comma', `URI:"${URI},x"`],
    ['a good URI besides a name that cannot be read', `URI:${URI}, DNS:"a\\u0000b"`],
    ['another kind of name', `DirName:"CN = x", URI:${URI}`],
  ])('%s is refused', (_what, text) => expect(soleUri(text)).toBeUndefined());
});

describe('the server that answered', () => {
  const leaf = pki.leaf(`URI:${URI}`, 'IP:127.0.0.1', 'DNS:gw1.example');
  const seen = new X509Certificate(leaf).toLegacyObject();

  test.each([
    ['is the one that was meant', '127.0.0.1', URI, undefined],
    ['has the dialled name', 'gw1.example', URI, undefined],
    ['is another peer', '127.0.0.1', 'cpns://pn1.td/pn-gw/gw2', 'PEER_UNEXPECTED'],
    ['is a longer name', '127.0.0.1', 'cpns://pn1.td/pn-gw/gw', 'PEER_UNEXPECTED'],
    ['has another host name', 'gw2.example', URI, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['has another address', '127.0.0.2', URI, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('%s', (_what, host, expected, problem) => {
    const error = serverIdentityCheck(host, expected)('ignored', seen);
    const code = error instanceof CpnsError ? error.reason : (error as NodeJS.ErrnoException | undefined)?.code;
    expect(code).toBe(problem);
  });
});
