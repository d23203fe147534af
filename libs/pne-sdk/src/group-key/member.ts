/**
 * How a device reaches the SECA and the SMF of its PN GW, under its live key.
 *
 * The steps of a PNE in GK-PULL and GK-PUSH.
 *
 * The stream of GK-PUSH at a PNE.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CheckedGroupKeyDelivery,
  GroupKeyDelivery,
  PnGatewayServiceService,
  WatchGroupKeysResponse,
} from '@cpns/contracts';
import { type Backoff, backoffAfter, type Clock, CpnsError, isRefusal, mayRetry, parseEntityUri } from '@cpns/core';
import { type Member, StatementVerifier } from '@cpns/group-key';
import type { CallOptions, ClientMethods } from '@cpns/grpc';
import {
  type CarriedField,
  emitStep,
  type Logger,
  withinStep,
  withSpan,
  withStepChain,
  withTraceparent,
} from '@cpns/telemetry';
import type { LiveKey } from '../state/device-state';
import type { AcceptedDelivery } from './group-state';

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

/** The RPCs of a PN GW. */
export type GatewayMethods = ClientMethods<typeof PnGatewayServiceService>;

/** Makes a call to the gateway under the live key. */
type CallGateway = <T>(call: (rpc: GatewayMethods, authentication: CallOptions) => Promise<T>) => Promise<T>;

export const gatewayChannel = (call: CallGateway): GroupKeyChannel => ({
  join: async (groupId) => void (await call((rpc, how) => rpc.joinServiceGroup({ groupId }, how))),
  leave: async (groupId) => void (await call((rpc, how) => rpc.leaveServiceGroup({ groupId }, how))),
  pull: async (groupId, version) => (await call((rpc, how) => rpc.pullGroupKey({ groupId, version }, how))).delivery,
  watch: (signal) => call((rpc, how) => Promise.resolve(rpc.watchGroupKeys({}, { ...how, signal }))),
});

/** SMF-GW step 6: the answer to a request to join or to leave. */
export function emitAnswer({ entity, gateway }: GroupMember): void {
  emitStep({ flow: 'SMF-GW', step: 6, from: gateway, to: entity, carried: ['membership_revision'] });
}

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

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Told of each delivery that was taken in, also of one that changed nothing. */
  readonly onDelivery?: (delivery: AcceptedDelivery) => void;
  /** Told of each delivery that was refused and not kept. */
  readonly onRefused?: (refusal: CpnsError) => void;
}

interface WatchContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly channel: GroupKeyChannel;
  /** Of the live key. */
  readonly keyId: () => string;
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** Checks one delivery and takes it in. */
type TakeDelivery = (delivery: GroupKeyDelivery | undefined) => Promise<AcceptedDelivery>;

const PAUSES: Backoff = { first: 100, longest: 2_000 };
/** After a stream that lasted so long the pauses begin anew, milliseconds. */
const STEADY_MS = 5_000;

/** A delivery that failed by no fault of its own: the device cannot store it, say. */
class TakingFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('a delivery could not be taken in');
  }
}

/** @throws CpnsError when trying again is of no use; what `take` fails with, unless it is a refusal */
export async function watchGroupKeys(context: WatchContext, options: WatchOptions, take: TakeDelivery): Promise<void> {
  const { clock, logger, pause = (ms: number) => sleep(ms, undefined, { signal: options.signal }) } = context;
  for (let attempts = 1; !options.signal.aborted; attempts++) {
    const since = clock.now();
    const end = await oneStream(context, options, take);
    if (options.signal.aborted) return;
    if (clock.now() - since >= STEADY_MS) attempts = 1;
    const pauseMs = backoffAfter(PAUSES, attempts);
    logger.info('Group Keys are not pushed for the moment', { error: end, pauseMs });
    await pause(pauseMs).catch((error: unknown) => {
      if (!options.signal.aborted) throw error;
    });
  }
}

/** @returns why the stream ended, where it is worth making again */
async function oneStream(context: WatchContext, options: WatchOptions, take: TakeDelivery): Promise<unknown> {
  const keyId = context.keyId();
  try {
    for await (const message of await context.channel.watch(options.signal))
      await takeOne(context, options, message, take);
    return undefined;
  } catch (error) {
    const end = error instanceof TakingFailed ? error.cause : error;
    const isPassing = error instanceof TakingFailed ? isTransient(end) : mayMakeAgain(end);
    if (options.signal.aborted || isPassing) return end;
    // the gateway ends the stream of a key that another took the place of
    if (end instanceof CpnsError && context.keyId() !== keyId) return end;
    throw end;
  }
}

async function takeOne(
  { logger }: WatchContext,
  { onDelivery, onRefused }: WatchOptions,
  { delivery, traceparent }: WatchGroupKeysResponse,
  take: TakeDelivery,
): Promise<void> {
  const taken = await withTraceparent(traceparent, () =>
    withStepChain(traceparent, () => withSpan('cpns.take-group-key', {}, () => take(delivery))),
  ).catch((error: unknown) => {
    if (!isRefusal(error)) throw new TakingFailed(error);
    logger.warn('a pushed Group Key was refused', { error });
    onRefused?.(error);
  });
  if (taken !== undefined) onDelivery?.(taken);
}

/** A device whose own store is damaged ends here, and does not go on without what it could not take in. */
const isTransient = (error: unknown): boolean =>
  error instanceof CpnsError && error.code !== 'INTERNAL' && mayRetry(error);

/** INTERNAL is what HTTP/2 makes of a gateway that ended in the middle; a limit of streams may be free again. */
const mayMakeAgain = (error: unknown): boolean =>
  error instanceof CpnsError && (mayRetry(error) || error.reason === 'LIMIT_REACHED');
