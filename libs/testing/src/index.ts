export { Deployment, TRUST_DOMAIN } from './deployment';
export type { AdmitOptions, DeploymentOptions, DeviceOptions, GatewaySpec, PerProcess } from './deployment-options';
export { Device, type DeviceResult, type DeviceRun, type DeviceStage } from './device';
export {
  DeviceSession,
  type DeviceAnswer,
  type DeviceCommand,
  type DeviceGroupStatus,
  type DeviceRefusal,
} from './device-session';
export { DeviceWorkshop, type CalledGateway, type WorkshopOptions } from './device-workshop';
export { retried, waitUntil, type PollOptions, type RetryOptions } from './wait-until';
export { stepOfSpan, type CollectedStep } from './flow-steps';
export { Groups, type DeliveryMode, type NewGroup } from './groups';
export { checkHealth, type HealthStatus } from './health';
export { LightGateway } from './light-gateway';
export { ManagedProcess, type Exit, type ProcessSpec } from './managed-process';
export { Operator, type Admitted, type AdmitRequest, type OperatorFiles, type OperatorPeers } from './operator';
export { OtlpError, parseExport, type AttributeValue, type CollectedSpan, type SpanReference } from './otlp';
export { OtlpCollector } from './otlp-collector';
export { SERVER_SIDE, writePki, type CredentialFiles, type PkiFiles, type ServerSideService } from './pki-files';
export { freePort } from './ports';
export type { PortName } from './service';
export { NOWHERE, serverSideSettings, storeSettings } from './service-specs';
export { lookIntoStore } from './store-look';
export { mainOf, type App } from './workspace';
export * from './faults';
