import { allRpcPaths, type RpcPath, type ServiceName } from '@cpns/contracts';
import { CpnsError, parseSubject } from '@cpns/core';
import { failureOf } from '@cpns/core/testing';
import { checkRole, ROLE_TABLE, ruleOf, type Peer } from '.';
import { identifyByName, TestPki } from './testing';

/** Who may call what, as docs/protocol.md has it; written down a second time, so that the role table cannot change alone. */
const ALLOWED: Readonly<Record<ServiceName, Readonly<Record<string, string>>>> = {
  'cpns.v1.PnGatewayService': {
    AssignEntityUserKey: 'token, target entity',
    RegisterEntityUserKey: 'token, target entity',
    RenewEntityUserKey: 'token, target entity',
    ReportCapabilities: 'proof, target entity',
    JoinServiceGroup: 'proof, target entity',
    LeaveServiceGroup: 'proof, target entity',
    PullGroupKey: 'proof, target entity',
    WatchGroupKeys: 'proof, target entity',
  },
  'cpns.v1.EntityUserKeyService': {
    ProvisionGateway: 'PN GW',
    AssignEntityUserKey: 'token, PN GW',
    RegisterEntityUserKey: 'PN GW',
    RenewEntityUserKey: 'PN GW',
    RevokeEntityUserKey: 'operator',
    GetEntityUserKey: 'operator',
    ListEntityUserKeys: 'operator',
  },
  'cpns.v1.ProofService': { VerifyProof: 'PN GW, service smf' },
  'cpns.v1.DeviceCapabilitiesService': { ReportCapabilities: 'PN GW', GetCapabilities: 'operator' },
  'cpns.v1.AuthorizationService': { CheckAccess: 'PN GW, operator' },
  'cpns.v1.EnrolmentService': {
    AdmitEntity: 'operator',
    RevokeAdmission: 'operator',
    ListAdmissions: 'operator',
    ImportEntityUserKey: 'operator',
    ImportFirstSeed: 'operator',
    RevokeFirstSeed: 'operator',
    GetGateway: 'operator, service smf',
    ListGateways: 'operator',
    RetireGateway: 'operator',
  },
  'cpns.v1.CertificateService': {
    EndCertificate: 'operator',
    ListEndedCertificates: 'operator',
    WatchEndedCertificates: 'service smf, service kmc',
  },
  'cpns.v1.GroupKeyDeliveryService': { PullGroupKey: 'PN GW', OpenDeliveryChannel: 'PN GW' },
  'cpns.v1.ServiceGroupNoticeService': { OpenNoticeChannel: 'PN GW' },
  'cpns.v1.MembershipService': {
    JoinServiceGroup: 'PN GW',
    LeaveServiceGroup: 'PN GW',
    EndMemberships: 'service cpns-server',
  },
  'cpns.v1.GroupKeyManagementService': {
    CreateGroupKey: 'service smf',
    UpdateGroupKey: 'service smf',
    DeleteGroupKey: 'service smf',
    UpdateGroupDescription: 'service smf',
    RotateGroupKey: 'service smf, operator',
    GetGroupKeyStatus: 'service smf, operator',
    WatchGroupKeyEvents: 'service smf, operator',
  },
  'cpns.v1.KmcService': {
    CreateKey: 'service cpns-server',
    CreateKeyVersion: 'service cpns-server',
    GetKeyVersion: 'service cpns-server',
    DestroyKeyVersion: 'service cpns-server',
    DestroyKey: 'service cpns-server',
  },
  'cpns.v1.ServiceGroupService': {
    CreateServiceGroup: 'operator',
    GetServiceGroup: 'operator, service cpns-server',
    ListServiceGroups: 'operator, service cpns-server',
    DeleteServiceGroup: 'operator',
    AddMembers: 'operator',
    RemoveMembers: 'operator',
    UpdateServiceGroup: 'operator',
    ListMemberships: 'operator, service cpns-server',
    ImportGroupDocument: 'operator',
    ExportGroupDocument: 'operator',
  },
  'cpns.v1.ResourceServerService': { Authorize: 'service cpns-server' },
};

const CERTIFIED = {
  operator: ['operator', 'cpns://td/operator/ann'],
  'service smf': ['service', 'cpns://td/service/smf'],
  'service kmc': ['service', 'cpns://td/service/kmc'],
  'service cpns-server': ['service', 'cpns://td/service/cpns-server'],
  'PN GW': ['pn-gw', 'cpns://pn1.td/pn-gw/gw'],
  'target entity': ['target-entity', 'cpns://pn1.td/pne/camera'],
  // its E is that of a gateway, its certificate a target entity's
  'target PN GW': ['target-entity', 'cpns://pn1.td/pn-gw/target'],
} as const;
type Certified = keyof typeof CERTIFIED;

function outcomeOf(path: RpcPath, caller: Certified): string {
  const [role, uri] = CERTIFIED[caller];
  const refusal = failureOf(() => checkRole(ROLE_TABLE[path], { role, uri, name: parseSubject(uri).name } as Peer));
  return refusal === undefined ? 'accepted' : `${refusal.code}/${refusal.reason}`;
}

const RPCS = Object.entries(ALLOWED).flatMap(([service, rpcs]) =>
  Object.entries(rpcs).map(([rpc, allowed]) => ({
    path: `/${service}/${rpc}` as RpcPath,
    // entities call by the name alone; others with the service where two have one of that name
    name: service.endsWith('.PnGatewayService') || isUnique(rpc) ? rpc : `${service.replace('cpns.v1.', '')}.${rpc}`,
    allowed: allowed.split(', '),
  })),
);
function isUnique(rpc: string): boolean {
  return Object.values(ALLOWED).filter((rpcs) => rpc in rpcs).length === 1;
}

describe('the role table', () => {
  test('has one row for each RPC of the protos and no other, as the table of this test does', () => {
    const rpcs = allRpcPaths()
      .map(({ path }) => path)
      .sort();
    expect(Object.keys(ROLE_TABLE).sort()).toEqual(rpcs);
    expect(RPCS.map(({ path }) => path).sort()).toEqual(rpcs);
  });

  const calls = RPCS.flatMap(({ name, path, allowed }) =>
    (Object.keys(CERTIFIED) as Certified[]).map((caller) => {
      const isAllowed = allowed.includes(caller === 'target PN GW' ? 'target entity' : caller);
      return [
        `${name} by ${caller}`,
        isAllowed ? 'accepted' : 'PERMISSION_DENIED/ROLE_NOT_PERMITTED',
        path,
        caller,
      ] as const;
    }),
  );
  test.each(calls)('%s: %s', (_name, expected, path, caller) => expect(outcomeOf(path, caller)).toBe(expected));

  test.each(['token', 'proof'] as const)('lets a %s in where it is to', (rule) => {
    const open = RPCS.filter(({ path }) => ROLE_TABLE[path].includes(rule));
    expect(open).toEqual(RPCS.filter(({ allowed }) => allowed.includes(rule)));
  });
});

describe('the rule that a certificate satisfies', () => {
  const pki = new TestPki();
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
    const refusal = failureOf(() => checkRole(['operator'], peerOf('cpns://td/service/kmc')));
    const { code, reason, metadata } = refusal!;
    expect([code, reason, metadata]).toEqual(['PERMISSION_DENIED', 'ROLE_NOT_PERMITTED', { role: 'service:kmc' }]);
  });
});
