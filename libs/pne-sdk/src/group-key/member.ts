/**
 * How a device reaches the SECA and the SMF of its PN GW, under its live key.
 *
 * The steps of a PNE in GK-PULL and GK-PUSH.
 */
import type { CheckedGroupKeyDelivery, GroupKeyDelivery, WatchGroupKeysResponse } from '@cpns/contracts';
import { type Clock, parseEntityUri } from '@cpns/core';
import { type Member, StatementVerifier } from '@cpns/group-key';
import type { CallOptions } from '@cpns/grpc';
import { type CarriedField, emitStep, withinStep } from '@cpns/telemetry';
import type { GatewayMethods } from '../device/device';
import type { LiveKey } from '../state/device-state';

/** This device as a member of its groups: what deliveries are for, and whom they are believed. */
export interface GroupMember extends Member {
  /** E of the PN GW that deliveries come through. */
  readonly gateway: string;
  /** Of the CPNS Server of the own trust domain, under the device's root. */
  readonly verifier: StatementVerifier;
}

/** In which step a delivery is accepted. */
type ReceivingStep = { readonly flow: 'GK-PULL'; readonly step: 5 } | { readonly flow: 'GK-PUSH'; readonly step: 1 };

export interface Receiving {
  readonly member: GroupMember;
  readonly step: ReceivingStep;
  /** The one version that was asked for; absent for the newest, and for what was not asked for. */
  readonly asked?: bigint | undefined;
  /** True for what this device asked for: it wants to be a member, also where it had left. */
  readonly isAskedFor: boolean;
}

/** Keeps the verifier while the root is the same, so that a signer's chain is verified once. */
export function memberSource(liveKey: () => LiveKey, clock: Clock): () => GroupMember {
  let known: { readonly live: LiveKey; readonly trustDomain: string; readonly member: GroupMember } | undefined;
  return () => {
    const live = liveKey();
    if (known?.live === live) return known.member;
    const { entity, secret, keyId, gateway, root } = live;
    const { trustDomain } = parseEntityUri(entity);
    const same = known?.live.root.equals(root) === true && known.trustDomain === trustDomain;
    const verifier =
      same && known !== undefined ? known.member.verifier : new StatementVerifier({ root, trustDomain, clock });
    const member = { entity, secret, keyId, gateway, verifier };
    known = { live, trustDomain, member };
    return member;
  };
}

export interface GroupKeyChannel {
  join(groupId: string): Promise<void>;
  leave(groupId: string): Promise<void>;
  /** @param version 0 for the newest */
  pull(groupId: string, version: bigint): Promise<GroupKeyDelivery | undefined>;
  /** Ends when the gateway ends it, and at the signal. */
  watch(signal: AbortSignal): Promise<AsyncIterable<WatchGroupKeysResponse>>;
}

/** Makes a call to the gateway under the live key. */
type CallGateway = <T>(call: (rpc: GatewayMethods, authentication: CallOptions) => Promise<T>) => Promise<T>;

export const gatewayChannel = (call: CallGateway): GroupKeyChannel => ({
  join: async (groupId) => void (await call((rpc, how) => rpc.joinServiceGroup({ groupId }, how))),
  leave: async (groupId) => void (await call((rpc, how) => rpc.leaveServiceGroup({ groupId }, how))),
  pull: async (groupId, version) => (await call((rpc, how) => rpc.pullGroupKey({ groupId, version }, how))).delivery,
  watch: (signal) => call((rpc, how) => Promise.resolve(rpc.watchGroupKeys({}, { ...how, signal }))),
});

/** GK-PULL step 1: the SMF in this PNE asks its CSKMF, which asks the gateway. */
export function askingForGroupKey<T>({ entity }: GroupMember, ask: () => Promise<T>): Promise<T> {
  const step = { flow: 'GK-PULL', step: 1 } as const;
  emitStep({ ...step, from: entity, to: entity, carried: ['group_id', 'version'] });
  return withinStep(step, ask);
}

/** GK-PULL step 5 or GK-PUSH step 1, once the statement was checked and the envelope opened. */
export function accepted(
  { entity, gateway }: GroupMember,
  step: ReceivingStep,
  { own }: CheckedGroupKeyDelivery,
  startedAt: number,
): void {
  const carried: readonly CarriedField[] = own === undefined ? ['statement'] : ['statement', 'envelope'];
  emitStep({ ...step, from: gateway, to: entity, carried, startedAt });
}
