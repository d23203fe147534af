import { allRpcPaths } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { checkRole, ROLE_TABLE, ruleOf, type Peer } from '.';
import { identifyByName, TestPki } from './testing';

describe('the role table', () => {
  const rows = Object.keys(ROLE_TABLE).sort();
  const rpcs = allRpcPaths()
    .map((rpc) => rpc.path)
    .sort();

  test('has one row for each RPC of the protos and no other', () => expect(rows).toEqual(rpcs));

  test('has no row that nobody can satisfy', () => {
    for (const path of rpcs) expect(ROLE_TABLE[path].length).toBeGreaterThan(0);
  });

  test('lets neither tokens nor proofs in beyond CPNS-1 and the enrolment of a gateway', () => {
    const open = rpcs.filter((path) => ROLE_TABLE[path].some((rule) => rule === 'token' || rule === 'proof'));
    const others = open.filter((path) => !path.startsWith('/cpns.v1.PnGatewayService/'));
    expect(others).toEqual(['/cpns.v1.EntityUserKeyService/AssignEntityUserKey']);
  });

  test('lets a target entity call nothing but CPNS-1', () => {
    const paths = rpcs.filter((path) => ROLE_TABLE[path].includes('target-entity'));
    expect(paths.every((path) => path.startsWith('/cpns.v1.PnGatewayService/'))).toBe(true);
  });
});

describe('the rule that a certificate satisfies', () => {
  const pki = new TestPki();
  afterAll(() => pki.remove());
  const peerOf = (uri: string): Peer => identifyByName(pki.leaf(`URI:${uri}`));

  test.each([
    ['cpns://td/service/smf', 'service:smf'],
    ['cpns://td/service/kmc', 'service:kmc'],
    ['cpns://td/operator/smf', 'operator'],
    ['cpns://pn1.td/pn-gw/g', 'pn-gw'],
    ['cpns://pn1.td/pne/p?user=ann', 'target-entity'],
  ])('%s: %s', (uri, rule) => expect(ruleOf(peerOf(uri))).toBe(rule));

  test('the path of a name is not its role: a target entity named like a gateway is none', () => {
    const peer: Peer = { ...peerOf('cpns://pn1.td/pn-gw/g'), role: 'target-entity' };
    expect(() => checkRole(['pn-gw'], peer)).toThrow(CpnsError);
    expect(() => checkRole(['target-entity'], peer)).not.toThrow();
  });

  test('refusal names the role and nothing else', () => {
    const refuse = () => checkRole(['operator'], peerOf('cpns://td/service/kmc'));
    expect(refuse).toThrow(CpnsError);
    try {
      refuse();
    } catch (error) {
      expect(error).toMatchObject({ reason: 'ROLE_NOT_PERMITTED', metadata: { role: 'service:kmc' } });
    }
  });
});
