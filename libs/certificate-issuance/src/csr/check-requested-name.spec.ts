import { reasonOf } from '@cpns/core/testing';
import { join } from 'node:path';
import { opensslOk, withDirectory } from '../testing';
import { checkRequestedName } from './check-requested-name';
import { parseCsr } from './parse-csr';

const E = 'cpns://pn1.example.org/pne/camera';

/** A request that OpenSSL made for these names; each entry is one subjectAltName extension. */
function request(...names: string[]) {
  return withDirectory((directory) => {
    const key = join(directory, 'key.pem');
    opensslOk(['genpkey', '-algorithm', 'ED25519', '-out', key]);
    const extensions = names.flatMap((name) => ['-addext', `subjectAltName=${name}`]);
    return parseCsr(opensslOk(['req', '-new', '-key', key, '-outform', 'DER', '-subj', '/CN=ignored', ...extensions]));
  });
}

describe('a request for a certificate of E with user alice', () => {
  it.each([
    ['no name', [], 'accepted'],
    ['E', [`URI:${E}`], 'accepted'],
    ['E with its user', [`URI:${E}?user=alice`], 'accepted'],
    ['E with another user', [`URI:${E}?user=bob`], 'CSR_NAME_MISMATCH'],
    ['E with an empty user', [`URI:${E}?user=`], 'CSR_NAME_MISMATCH'],
    ['another entity', ['URI:cpns://pn1.example.org/pne/camera2'], 'CSR_NAME_MISMATCH'],
    ['another kind of entity', ['URI:cpns://pn1.example.org/pn-gw/camera'], 'CSR_NAME_MISMATCH'],
    ['another PN', ['URI:cpns://pn2.example.org/pne/camera'], 'CSR_NAME_MISMATCH'],
    ['another trust domain', ['URI:cpns://pn1.example.net/pne/camera'], 'CSR_NAME_MISMATCH'],
    ['a service', ['URI:cpns://example.org/service/kmc'], 'CSR_NAME_MISMATCH'],
    ['two URIs', [`URI:${E},URI:${E}`], 'CSR_NAME_MISMATCH'],
    ['a DNS name', ['DNS:pn1.example.org'], 'CSR_NAME_MISMATCH'],
    ['E and a DNS name', [`URI:${E},DNS:pn1.example.org`], 'CSR_NAME_MISMATCH'],
    ['E and an address', [`URI:${E},IP:127.0.0.1`], 'CSR_NAME_MISMATCH'],
    ['E and a mail name', [`URI:${E},email:a@example.org`], 'CSR_NAME_MISMATCH'],
    ['E as a DNS name', [`DNS:${E}`], 'CSR_NAME_MISMATCH'],
    ['E as a registered id beside it', [`URI:${E},RID:1.2.3`], 'CSR_NAME_MISMATCH'],
    ['a user-info trick', ['URI:cpns://pn1.example.org:x@pn2.example.org/pne/camera'], 'CSR_NAME_MISMATCH'],
    ['its mirror image', ['URI:cpns://pn2.example.org:x@pn1.example.org/pne/camera'], 'CSR_NAME_MISMATCH'],
    ['a path trick', ['URI:cpns://pn1.example.org/pne/../pne/camera'], 'CSR_NAME_MISMATCH'],
    ['a slash at the end', [`URI:${E}/`], 'CSR_NAME_MISMATCH'],
    ['upper case', ['URI:CPNS://pn1.example.org/pne/camera'], 'CSR_NAME_MISMATCH'],
    ['an escaped letter', ['URI:cpns://pn1.example.org/pne/%63amera'], 'CSR_NAME_MISMATCH'],
  ])('%s', (_what, names, expected) => {
    expect(reasonOf(() => checkRequestedName(request(...names), `${E}?user=alice`))).toBe(expected);
  });

  it('is not given the user that nobody admitted', () => {
    expect(reasonOf(() => checkRequestedName(request(`URI:${E}`), E))).toBe('accepted');
    expect(reasonOf(() => checkRequestedName(request(`URI:${E}?user=alice`), E))).toBe('CSR_NAME_MISMATCH');
  });

  it.each(['#x', ' ', '\n', '/', '?', '?user=', '?user=alice&user=bob'])('is refused with %j at its end', (end) => {
    const asking = (value: string) => ({ requestedNames: [[{ kind: 'uri', value } as const]] });
    expect(reasonOf(() => checkRequestedName(asking(E), E))).toBe('accepted');
    expect(reasonOf(() => checkRequestedName(asking(E + end), E))).toBe('CSR_NAME_MISMATCH');
  });

  it('is refused when it asks twice, even for the same', () => {
    const requestedNames = [[{ kind: 'uri', value: E }], [{ kind: 'uri', value: E }]] as const;
    expect(reasonOf(() => checkRequestedName({ requestedNames: requestedNames.slice(0, 1) }, E))).toBe('accepted');
    expect(reasonOf(() => checkRequestedName({ requestedNames }, E))).toBe('CSR_NAME_MISMATCH');
  });
});
