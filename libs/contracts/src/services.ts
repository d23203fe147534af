import { AuthorizationServiceService } from './generated/cpns/v1/authorization_service';
import { CertificateServiceService } from './generated/cpns/v1/certificate_service';
import { DeviceCapabilitiesServiceService } from './generated/cpns/v1/device_capabilities_service';
import { EnrolmentServiceService } from './generated/cpns/v1/enrolment_service';
import { EntityUserKeyServiceService } from './generated/cpns/v1/entity_user_key_service';
import { GroupKeyDeliveryServiceService } from './generated/cpns/v1/group_key_delivery_service';
import { GroupKeyManagementServiceService } from './generated/cpns/v1/group_key_management_service';
import { KmcServiceService } from './generated/cpns/v1/kmc_service';
import { MembershipServiceService } from './generated/cpns/v1/membership_service';
import { PnGatewayServiceService } from './generated/cpns/v1/pn_gateway_service';
import { ProofServiceService } from './generated/cpns/v1/proof_service';
import { ResourceServerServiceService } from './generated/cpns/v1/resource_server_service';
import { ServiceGroupNoticeServiceService } from './generated/cpns/v1/service_group_notice_service';
import { ServiceGroupServiceService } from './generated/cpns/v1/service_group_service';

/** Every service of the protos by its full name; a test holds this list against the descriptor set. */
export const SERVICES = {
  'cpns.v1.AuthorizationService': AuthorizationServiceService,
  'cpns.v1.CertificateService': CertificateServiceService,
  'cpns.v1.DeviceCapabilitiesService': DeviceCapabilitiesServiceService,
  'cpns.v1.EnrolmentService': EnrolmentServiceService,
  'cpns.v1.EntityUserKeyService': EntityUserKeyServiceService,
  'cpns.v1.GroupKeyDeliveryService': GroupKeyDeliveryServiceService,
  'cpns.v1.GroupKeyManagementService': GroupKeyManagementServiceService,
  'cpns.v1.KmcService': KmcServiceService,
  'cpns.v1.MembershipService': MembershipServiceService,
  'cpns.v1.PnGatewayService': PnGatewayServiceService,
  'cpns.v1.ProofService': ProofServiceService,
  'cpns.v1.ResourceServerService': ResourceServerServiceService,
  'cpns.v1.ServiceGroupNoticeService': ServiceGroupNoticeServiceService,
  'cpns.v1.ServiceGroupService': ServiceGroupServiceService,
} as const;

export type ServiceName = keyof typeof SERVICES;

type PathsOf<S> = S[keyof S] extends { readonly path: infer P extends string } ? P : never;

/** Full path of an RPC, `/cpns.v1.Service/Method`: a table over this type misses none and invents none. */
export type RpcPath = { [N in ServiceName]: PathsOf<(typeof SERVICES)[N]> }[ServiceName];

export type RpcKind = 'unary' | 'server-stream' | 'client-stream' | 'bidi';

export interface Rpc {
  readonly path: RpcPath;
  readonly service: ServiceName;
  readonly kind: RpcKind;
}

interface Streaming {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export function rpcKind({ requestStream, responseStream }: Streaming): RpcKind {
  if (requestStream) return responseStream ? 'bidi' : 'client-stream';
  return responseStream ? 'server-stream' : 'unary';
}

/** Every RPC of the protos. */
export function allRpcPaths(): Rpc[] {
  return (Object.keys(SERVICES) as ServiceName[]).flatMap((service) =>
    Object.values<Streaming & { readonly path: RpcPath }>(SERVICES[service]).map((method) => ({
      path: method.path,
      service,
      kind: rpcKind(method),
    })),
  );
}
