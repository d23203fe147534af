/** How a device reaches the SECA and the SMF of its PN GW, under its live key. */
import type { GroupKeyDelivery, WatchGroupKeysResponse } from '@cpns/contracts';
import type { CallOptions } from '@cpns/grpc';
import type { GatewayMethods } from '../device/session';

export interface GroupKeyChannel {
  join(groupId: string): Promise<void>;
  leave(groupId: string): Promise<void>;
  /** @param version 0 for the newest */
  pull(groupId: string, version: bigint): Promise<GroupKeyDelivery | undefined>;
  /** Ends when the gateway ends it, and at the signal. */
  watch(signal: AbortSignal): Promise<AsyncIterable<WatchGroupKeysResponse>>;
}

/** Makes a call to the gateway under the live key. */
export type CallGateway = <T>(call: (rpc: GatewayMethods, authentication: CallOptions) => Promise<T>) => Promise<T>;

export const gatewayChannel = (call: CallGateway): GroupKeyChannel => ({
  join: async (groupId) => void (await call((rpc, how) => rpc.joinServiceGroup({ groupId }, how))),
  leave: async (groupId) => void (await call((rpc, how) => rpc.leaveServiceGroup({ groupId }, how))),
  pull: async (groupId, version) => (await call((rpc, how) => rpc.pullGroupKey({ groupId, version }, how))).delivery,
  watch: (signal) => call((rpc, how) => Promise.resolve(rpc.watchGroupKeys({}, { ...how, signal }))),
});
