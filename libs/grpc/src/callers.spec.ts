/** AUTHZ-1: who may call what, written down once more beside the table of roles, for every RPC and every class of caller. */
import { allRpcPaths, type RpcPath } from '@cpns/contracts';
import { CpnsError, parseSubject, type Role } from '@cpns/core';
import { checkRole, ROLE_TABLE, type Peer } from '.';

const CALLERS: Readonly<Record<string, readonly [uri: string, role: Role]>> = {
  operator: ['cpns://td.example/operator/ann', 'operator'],
  'service smf': ['cpns://td.example/service/smf', 'service'],
  'service kmc': ['cpns://td.example/service/kmc', 'service'],
  'service cpns-server': ['cpns://td.example/service/cpns-server', 'service'],
  'PN GW': ['cpns://pn1.td.example/pn-gw/gw', 'pn-gw'],
  'target entity': ['cpns://pn1.td.example/pne/watch', 'target-entity'],
  // its E is that of a gateway, its certificate a target entity's
  'target PN GW': ['cpns://pn1.td.example/pn-gw/gw', 'target-entity'],
};
const ENTITIES = ['target entity', 'target PN GW'];
const AT_GATEWAY = 'gateway certificate';
const AT_SERVER = 'Server certificate';
const AT_SMF = 'SMF certificate';
const AT_KMC = 'KMC certificate';

/** The RPCs of a service with the same callers, at the port that serves them. */
const ALLOWED: readonly (readonly [service: string, at: string, callers: readonly string[], rpcs: string])[] = [
  [
    'PnGatewayService',
    AT_GATEWAY,
    ENTITIES,
    'AssignEntityUserKey RegisterEntityUserKey RenewEntityUserKey ReportCapabilities JoinServiceGroup LeaveServiceGroup ' +
      'PullGroupKey WatchGroupKeys',
  ],
  [
    'EntityUserKeyService',
    AT_SERVER,
    ['PN GW'],
    'ProvisionGateway AssignEntityUserKey RegisterEntityUserKey RenewEntityUserKey',
  ],
  ['EntityUserKeyService', AT_SERVER, ['operator'], 'RevokeEntityUserKey GetEntityUserKey ListEntityUserKeys'],
  ['ProofService', AT_SERVER, ['PN GW'], 'VerifyProof'],
  ['DeviceCapabilitiesService', AT_SERVER, ['PN GW'], 'ReportCapabilities'],
  ['DeviceCapabilitiesService', AT_SERVER, ['operator'], 'GetCapabilities'],
  ['AuthorizationService', AT_SERVER, ['PN GW', 'operator'], 'CheckAccess'],
  [
    'EnrolmentService',
    AT_SERVER,
    ['operator'],
    'AdmitEntity RevokeAdmission ListAdmissions ImportEntityUserKey ImportFirstSeed RevokeFirstSeed ListGateways',
  ],
  ['EnrolmentService', AT_SERVER, ['operator', 'service smf'], 'GetGateway'],
  ['GroupKeyDeliveryService', AT_SERVER, ['PN GW'], 'PullGroupKey OpenDeliveryChannel'],
  ['GroupKeyManagementService', AT_SERVER, ['service smf'], 'CreateGroupKey UpdateGroupKey DeleteGroupKey'],
  ['GroupKeyManagementService', AT_SERVER, ['service smf', 'operator'], 'GetGroupKeyStatus WatchGroupKeyEvents'],
  ['ServiceGroupNoticeService', AT_SMF, ['PN GW'], 'OpenNoticeChannel'],
  ['MembershipService', AT_SMF, ['PN GW'], 'JoinServiceGroup LeaveServiceGroup'],
  [
    'ServiceGroupService',
    AT_SMF,
    ['operator'],
    'CreateServiceGroup DeleteServiceGroup AddMembers RemoveMembers ImportGroupDocument ExportGroupDocument',
  ],
  ['ServiceGroupService', AT_SMF, ['operator', 'service cpns-server'], 'GetServiceGroup ListServiceGroups'],
  [
    'KmcService',
    AT_KMC,
    ['service cpns-server'],
    'CreateKey CreateKeyVersion GetKeyVersion DestroyKeyVersion DestroyKey',
  ],
  ['ResourceServerService', 'decision point', ['service cpns-server'], 'Authorize'],
];

const RPCS = ALLOWED.flatMap(([service, at, callers, rpcs]) =>
  rpcs.split(' ').map((rpc) => ({ service, rpc, at, callers, path: `/cpns.v1.${service}/${rpc}` as RpcPath })),
);
/** RPCs of a gateway are named alone, and what it asks another service for under the same name with that service. */
const nameOf = ({ service, rpc }: (typeof RPCS)[number]) =>
  ['MembershipService', 'GroupKeyDeliveryService'].includes(service) &&
  RPCS.some((other) => other.rpc === rpc && other.service === 'PnGatewayService')
    ? `${service}.${rpc}`
    : rpc;

const outcomeOf = (path: RpcPath, [uri, role]: readonly [string, Role]): string => {
  try {
    checkRole(ROLE_TABLE[path], { uri, name: parseSubject(uri).name, role } as Partial<Peer> as Peer);
    return 'accepted';
  } catch (error) {
    if (error instanceof CpnsError) return `${error.code}/${error.reason}`;
    throw error;
  }
};

it('names every RPC of the protos', () => {
  const paths = allRpcPaths().map(({ path }) => path);
  expect(RPCS.map(({ path }) => path).sort()).toEqual(paths.sort());
});

const cases = RPCS.flatMap((one) =>
  Object.keys(CALLERS).map((caller) => {
    const expected = one.callers.includes(caller) ? 'accepted' : 'PERMISSION_DENIED/ROLE_NOT_PERMITTED';
    return [`${nameOf(one)} by ${caller}, ${one.at}: ${expected}`, one.path, caller, expected] as const;
  }),
);
it.each(cases)('%s', (_title, path, caller, expected) => {
  expect(outcomeOf(path, CALLERS[caller]!)).toBe(expected);
});
