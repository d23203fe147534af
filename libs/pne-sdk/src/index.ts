/**
 * What a device program imports to become a target entity of CPNS (5.3.1.12.5), and a PN GW to enrol itself: {@link Device}
 * and {@link enrolGateway} on top, the exchanges they are made of for programs with a transport or a key of their own.
 */
export type { AssignOptions, ExchangeOptions, RegisterOptions } from './device/entity-user-key';
export { Device, type DeviceOptions, type DeviceStatus } from './device/device';
export { enrolGateway, type EnrolGatewayOptions } from './device/enrol-gateway';
export type { PreSharedKey } from './device/import-key';
export { CONFIRM_MS, GroupKeys, type GroupKeysContext } from './group-key/group-keys';
export type {
  AcceptedDelivery,
  GroupContent,
  GroupState,
  GroupStates,
  GroupStatus,
  OpenedMessage,
  ReplayBucket,
} from './group-key/group-state';
export type { GatewayMethods, GroupKeyChannel, WatchOptions } from './group-key/member';
export * from './protocol/assignment';
export {
  admittedBy,
  enrolsGateway,
  METHODS,
  routeOf,
  serverUriOf,
  type Admitted,
  type RequestRoute,
} from './protocol/admitted';
export * from './protocol/registration';
export {
  DEVICE_LIFE_CYCLE,
  type DeviceContent,
  type DeviceEvent,
  type DeviceStage,
  type DeviceState,
  type DeviceStates,
  type Exchange,
  type GatewayIdentity,
  type Home,
  type LiveKey,
  NEW_DEVICE,
} from './state/device-state';
export { SealedDeviceStates } from './state/sealed-device-states';
export { type Channel, fetchRoot, type FetchRootOptions, type OpenChannel, tokenChannel } from './transport/channel';
