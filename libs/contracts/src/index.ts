/** The contracts of proto/cpns/v1 in TypeScript, generated at build time, and what can be asked about them as a whole. */
export * from './generated/cpns/v1/authorization_service';
export * from './generated/cpns/v1/certificate_service';
export * from './generated/cpns/v1/device_capabilities_service';
export * from './generated/cpns/v1/device_capabilities_types';
export * from './generated/cpns/v1/enrolment_service';
export * from './generated/cpns/v1/entity_user_key_service';
export * from './generated/cpns/v1/entity_user_key_types';
export * from './generated/cpns/v1/group_key_delivery_service';
export * from './generated/cpns/v1/group_key_management_service';
export * from './generated/cpns/v1/group_key_types';
export * from './generated/cpns/v1/kmc_service';
export * from './generated/cpns/v1/membership_service';
export * from './generated/cpns/v1/pn_gateway_service';
export * from './generated/cpns/v1/proof_service';
export * from './generated/cpns/v1/resource_server_service';
export * from './generated/cpns/v1/service_group_notice_service';
export * from './generated/cpns/v1/service_group_service';
export * from './generated/cpns/v1/service_group_types';
// every generated file has these four; naming one of them here settles which one is meant
export { protobufFileName, protobufPackage } from './generated/cpns/v1/kmc_service';
export type { DeepPartial, MessageFns } from './generated/cpns/v1/kmc_service';

export { Any } from './generated/google/protobuf/any';
export { ErrorInfo } from './generated/google/rpc/error_details';
export { Status as RpcStatus } from './generated/google/rpc/status';

export * from './descriptor';
export * from './services';

export * from './messages/assignment';
export * from './messages/credential';
export * from './messages/entity-request';
export * as fields from './messages/fields';
export * from './messages/group-description';
export * from './messages/group-key';
export { checkStatement, statementMessage } from './messages/group-key-statement';
export * from './messages/key-form';
export * from './messages/registration';
