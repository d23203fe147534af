import { createDevelopmentPki, type DevelopmentPki } from '@cpns/certificate-issuance';
import { systemClock } from '@cpns/core';
import { FakeClock, reasonOf } from '@cpns/core/testing';
import { peerIdentifier } from '.';
import { TestPki } from './testing';

let pki: DevelopmentPki;
const foreign = new TestPki();

beforeAll(async () => {
  pki = await createDevelopmentPki({ trustDomain: 'td.example' });
});

const issuingCaDer = () => pki.issuingCa.chain[0]!;
test('services and operators have the role that the issuing CA gave them', async () => {
  const identify = peerIdentifier({ issuingCaDer: issuingCaDer(), trustDomain: 'td.example', clock: systemClock });
  const [smf, ann] = [await pki.issueService('smf'), await pki.issueOperator('ann')];
  const [service, operator] = ['cpns://td.example/service/smf', 'cpns://td.example/operator/ann'];
  expect(await identify(smf.chain[0]!)).toMatchObject({ uri: service, role: 'service', user: '' });
  expect(await identify(ann.chain[0]!)).toMatchObject({ uri: operator, role: 'operator' });
});

test('another trust domain, another issuer, another time and another thing are refused', async () => {
  const smf = (await pki.issueService('smf')).chain[0]!;
  const identify = (trustDomain: string, now: number) =>
    peerIdentifier({ issuingCaDer: issuingCaDer(), trustDomain, clock: new FakeClock(now) });
  const here = identify('td.example', Date.now());
  expect(reasonOf(() => identify('other.example', Date.now())(smf))).toBe('TRUST_DOMAIN');
  expect(reasonOf(() => identify('td.example', Date.UTC(2400, 0))(smf))).toBe('CERTIFICATE_EXPIRED');
  const elsewhere = foreign.leaf('URI:cpns://td.example/service/smf');
  expect(reasonOf(() => here(elsewhere))).toMatch(/CERTIFICATE_ROLE|PEER_IDENTITY/);
  expect(reasonOf(() => here(Buffer.from('no certificate')))).toBe('PEER_IDENTITY_INVALID');
  expect(reasonOf(() => here(pki.issuingCa.chain[0]!))).toBe('CERTIFICATE_ROLE');
});
