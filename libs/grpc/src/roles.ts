/**
 * Who may call what: one row per RPC of the protos, default deny. The compiler refuses a table that misses an RPC or has
 * one too many; what a caller may do to a particular resource is decided by the use case, not here.
 */
import { permissionDenied } from '@cpns/core';
import type { RpcPath } from '@cpns/contracts';
import type { Peer } from './peer';

/**
 * `service:*`, `operator`, `pn-gw` and `target-entity` are shown by a client certificate. On a port without client
 * certificates, `token` lets a message in that authenticates itself, and `proof` asks for a proof of a secret.
 */
export type RoleRule =
  'operator' | 'service:smf' | 'service:cpns-server' | 'service:kmc' | 'pn-gw' | 'target-entity' | 'token' | 'proof';

export type RoleTable = Readonly<Record<RpcPath, readonly RoleRule[]>>;

const OPERATOR = ['operator'] as const;
const GATEWAY = ['pn-gw'] as const;
const SERVER = ['service:cpns-server'] as const;
const SMF = ['service:smf'] as const;
const ENTITY = ['proof', 'target-entity'] as const;
// the request's own MAC or signature authenticates it (docs/protocol.md, "Admission", "Registration", "Renewal")
const SELF_AUTHENTICATING = ['token', 'target-entity'] as const;

export const ROLE_TABLE: RoleTable = {
  // CPNS-1: PNE and target PN GW to PN GW
  '/cpns.v1.PnGatewayService/AssignEntityUserKey': SELF_AUTHENTICATING,
  '/cpns.v1.PnGatewayService/RegisterEntityUserKey': SELF_AUTHENTICATING,
  '/cpns.v1.PnGatewayService/RenewEntityUserKey': SELF_AUTHENTICATING,
  '/cpns.v1.PnGatewayService/ReportCapabilities': ENTITY,
  '/cpns.v1.PnGatewayService/JoinServiceGroup': ENTITY,
  '/cpns.v1.PnGatewayService/LeaveServiceGroup': ENTITY,
  '/cpns.v1.PnGatewayService/PullGroupKey': ENTITY,
  '/cpns.v1.PnGatewayService/WatchGroupKeys': ENTITY,

  // CPNS-2: PN GW and operator to CPNS Server; a gateway that enrols itself has no certificate yet
  '/cpns.v1.EntityUserKeyService/ProvisionGateway': GATEWAY,
  '/cpns.v1.EntityUserKeyService/AssignEntityUserKey': ['pn-gw', 'token'],
  '/cpns.v1.EntityUserKeyService/RegisterEntityUserKey': GATEWAY,
  '/cpns.v1.EntityUserKeyService/RenewEntityUserKey': GATEWAY,
  '/cpns.v1.EntityUserKeyService/RevokeEntityUserKey': OPERATOR,
  '/cpns.v1.EntityUserKeyService/GetEntityUserKey': OPERATOR,
  '/cpns.v1.EntityUserKeyService/ListEntityUserKeys': OPERATOR,
  // SMF asks of what a gateway relays to it
  '/cpns.v1.ProofService/VerifyProof': ['pn-gw', 'service:smf'],
  '/cpns.v1.DeviceCapabilitiesService/ReportCapabilities': GATEWAY,
  '/cpns.v1.DeviceCapabilitiesService/GetCapabilities': OPERATOR,
  '/cpns.v1.AuthorizationService/CheckAccess': ['pn-gw', 'operator'],
  '/cpns.v1.EnrolmentService/AdmitEntity': OPERATOR,
  '/cpns.v1.EnrolmentService/RevokeAdmission': OPERATOR,
  '/cpns.v1.EnrolmentService/ListAdmissions': OPERATOR,
  '/cpns.v1.EnrolmentService/ImportEntityUserKey': OPERATOR,
  '/cpns.v1.EnrolmentService/ImportFirstSeed': OPERATOR,
  '/cpns.v1.EnrolmentService/RevokeFirstSeed': OPERATOR,
  // SMF asks whether a gateway's identity still stands
  '/cpns.v1.EnrolmentService/GetGateway': ['operator', 'service:smf'],
  '/cpns.v1.EnrolmentService/ListGateways': OPERATOR,
  '/cpns.v1.EnrolmentService/RetireGateway': OPERATOR,
  '/cpns.v1.CertificateService/EndCertificate': OPERATOR,
  '/cpns.v1.CertificateService/ListEndedCertificates': OPERATOR,
  // whose callers the CPNS Server does not see
  '/cpns.v1.CertificateService/WatchEndedCertificates': ['service:smf', 'service:kmc'],

  // CSKMF to CSKMF
  '/cpns.v1.GroupKeyDeliveryService/PullGroupKey': GATEWAY,
  '/cpns.v1.GroupKeyDeliveryService/OpenDeliveryChannel': GATEWAY,

  // SMF to SMF
  '/cpns.v1.ServiceGroupNoticeService/OpenNoticeChannel': GATEWAY,
  '/cpns.v1.MembershipService/JoinServiceGroup': GATEWAY,
  '/cpns.v1.MembershipService/LeaveServiceGroup': GATEWAY,
  '/cpns.v1.MembershipService/EndMemberships': SERVER,

  // SMF to CSKMF; an operator looks, membership changes go through SMF
  '/cpns.v1.GroupKeyManagementService/CreateGroupKey': SMF,
  '/cpns.v1.GroupKeyManagementService/UpdateGroupKey': SMF,
  '/cpns.v1.GroupKeyManagementService/DeleteGroupKey': SMF,
  '/cpns.v1.GroupKeyManagementService/UpdateGroupDescription': SMF,
  '/cpns.v1.GroupKeyManagementService/RotateGroupKey': ['service:smf', 'operator'],
  '/cpns.v1.GroupKeyManagementService/GetGroupKeyStatus': ['service:smf', 'operator'],
  '/cpns.v1.GroupKeyManagementService/WatchGroupKeyEvents': ['service:smf', 'operator'],

  // OSG to KMC
  '/cpns.v1.KmcService/CreateKey': SERVER,
  '/cpns.v1.KmcService/CreateKeyVersion': SERVER,
  '/cpns.v1.KmcService/GetKeyVersion': SERVER,
  '/cpns.v1.KmcService/DestroyKeyVersion': SERVER,
  '/cpns.v1.KmcService/DestroyKey': SERVER,

  // operator to SMF; the CPNS Server reads groups
  '/cpns.v1.ServiceGroupService/CreateServiceGroup': OPERATOR,
  '/cpns.v1.ServiceGroupService/GetServiceGroup': ['operator', 'service:cpns-server'],
  '/cpns.v1.ServiceGroupService/ListServiceGroups': ['operator', 'service:cpns-server'],
  '/cpns.v1.ServiceGroupService/DeleteServiceGroup': OPERATOR,
  '/cpns.v1.ServiceGroupService/AddMembers': OPERATOR,
  '/cpns.v1.ServiceGroupService/RemoveMembers': OPERATOR,
  '/cpns.v1.ServiceGroupService/UpdateServiceGroup': OPERATOR,
  '/cpns.v1.ServiceGroupService/ListMemberships': ['operator', 'service:cpns-server'],
  '/cpns.v1.ServiceGroupService/ImportGroupDocument': OPERATOR,
  '/cpns.v1.ServiceGroupService/ExportGroupDocument': OPERATOR,

  // the operator's own decision point
  '/cpns.v1.ResourceServerService/Authorize': SERVER,
};

/** Health and reflection: every peer that TLS lets onto the port. */
export const INFRASTRUCTURE_SERVICES = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
] as const;

/** The rule that a certificate satisfies; a service only under its own name. */
export const ruleOf = (peer: Peer): string => (peer.name.kind === 'service' ? `service:${peer.name.name}` : peer.role);

/** @throws CpnsError ROLE_NOT_PERMITTED */
export function checkRole(rules: readonly RoleRule[], peer: Peer): void {
  if (!(rules as readonly string[]).includes(ruleOf(peer)))
    throw permissionDenied('ROLE_NOT_PERMITTED', 'your certificate’s role may not call this', {
      metadata: { role: ruleOf(peer) },
    });
}
