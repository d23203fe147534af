import { createDevelopmentPki, type DevelopmentPki } from '@cpns/certificate-issuance';
import { CpnsError, systemClock } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { peerIdentifier } from '.';
import { TestPki } from './testing';

let pki: DevelopmentPki;
const foreign = new TestPki();
afterAll(() => foreign.remove());

beforeAll(async () => {
  pki = await createDevelopmentPki({ trustDomain: 'td.example' });
});

const issuingCaDer = () => pki.issuingCa.chain[0]!;
const reasonOf = (fn: () => unknown): unknown => {
  try {
    return fn();
  } catch (error) {
    return error instanceof CpnsError ? `${error.code}/${error.reason}` : error;
  }
};

test('services and operators have the role that the issuing CA gave them', async () => {
  const identify = peerIdentifier({ issuingCaDer: issuingCaDer(), trustDomain: 'td.example', clock: systemClock });
  const smf = await pki.issueService('smf');
  expect(await identify(smf.chain[0]!)).toMatchObject({
    uri: 'cpns://td.example/service/smf',
    role: 'service',
    user: '',
  });
  const ann = await pki.issueOperator('ann');
  expect(await identify(ann.chain[0]!)).toMatchObject({ uri: 'cpns://td.example/operator/ann', role: 'operator' });
});

test('another trust domain, another issuer, another time and another thing are refused', async () => {
  const smf = (await pki.issueService('smf')).chain[0]!;
  const identify = (trustDomain: string, now: number) =>
    peerIdentifier({ issuingCaDer: issuingCaDer(), trustDomain, clock: new FakeClock(now) });
  const here = identify('td.example', Date.now());
  expect(reasonOf(() => identify('other.example', Date.now())(smf))).toBe('PERMISSION_DENIED/TRUST_DOMAIN');
  expect(reasonOf(() => identify('td.example', Date.UTC(2400, 0))(smf))).toBe('UNAUTHENTICATED/CERTIFICATE_EXPIRED');
  expect(reasonOf(() => here(foreign.leaf('URI:cpns://td.example/service/smf')))).toMatch(
    /CERTIFICATE_ROLE|PEER_IDENTITY/,
  );
  expect(reasonOf(() => here(Buffer.from('no certificate')))).toBe('UNAUTHENTICATED/PEER_IDENTITY_INVALID');
  expect(reasonOf(() => here(pki.issuingCa.chain[0]!))).toBe('PERMISSION_DENIED/CERTIFICATE_ROLE');
});
