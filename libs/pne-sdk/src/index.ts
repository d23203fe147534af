/**
 * What a device program imports to become a target entity of CPNS (5.3.1.12.5), and a PN GW to enrol itself: {@link Device}
 * and {@link enrolGateway} on top, the exchanges they are made of for programs with a transport or a key of their own.
 */
export type { AssignOptions } from './device/assign';
export type { ExchangeOptions } from './device/device-context';
export { Device, type DeviceOptions, type DeviceStatus } from './device/device';
export { enrolGateway, type EnrolGatewayOptions } from './device/enrol-gateway';
export type { PreSharedKey } from './device/import-key';
export type { RegisterOptions } from './device/register';
export type { GatewayMethods } from './device/session';
export { CONFIRM_MS, GroupKeys, type GroupKeysContext } from './group-key/group-keys';
export type { AcceptedDelivery, GroupStatus, OpenedMessage } from './group-key/group-status';
export type { GroupKeyChannel } from './group-key/channel';
export type { GroupContent, GroupState, GroupStates, ReplayBucket } from './group-key/group-state';
export type { WatchOptions } from './group-key/watch';
export * from './protocol/accept-assignment';
export {
  admittedBy,
  enrolsGateway,
  METHODS,
  routeOf,
  serverUriOf,
  type Admitted,
  type RequestRoute,
} from './protocol/admitted';
export * from './protocol/prepare-assignment';
export * from './protocol/registration';
export {
  NEW_DEVICE,
  type DeviceContent,
  type DeviceState,
  type DeviceStates,
  type Exchange,
  type GatewayIdentity,
  type Home,
  type LiveKey,
} from './state/device-state';
export { DEVICE_LIFE_CYCLE, type DeviceEvent, type DeviceStage } from './state/life-cycle';
export { SealedDeviceStates } from './state/sealed-device-states';
export { tokenChannel, type Channel, type OpenChannel } from './transport/channel';
export { fetchRoot, type FetchRootOptions } from './transport/fetch-root';
