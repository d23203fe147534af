/**
 * Assignment of an Entity-User Key (EUK-SRV, EUK-GW), or of a gateway's identity, safe against a crash at any point.
 *
 * EUK-GW-VERIFY steps 1 and 5: the first contact of a target entity with the CPNS Server, safe against a crash.
 */
import { AssignmentRequest } from '@cpns/contracts';
import { type Clock, CpnsError, invalidArgument, type Random } from '@cpns/core';
import { deriveKeyId, type OneTimeString } from '@cpns/key-derivation';
import { type CarriedField, emitStep, type Logger, withinStep, withSpan, withStepChain } from '@cpns/telemetry';
import type { Admitted } from '../protocol/admitted';
import {
  acceptAssignment,
  type Assigned,
  needsRegistration,
  type OwnKey,
  type PendingAssignment,
  prepareAssignment,
  receivingStep,
} from '../protocol/assignment';
import {
  acceptRegistration,
  prepareRegistration,
  type RegisteredKey,
  registrationRequest,
  type SignStatement,
} from '../protocol/registration';
import {
  advanceDevice,
  type DeviceContent,
  type DeviceState,
  type DeviceStates,
  type GatewayIdentity,
  type LiveKey,
  stageOf,
  tokenIdOf,
  withoutExchange,
} from '../state/device-state';
import { type FetchRootOptions, type OpenChannel, type Patience, withPatience } from '../transport/channel';

/** What the work of a device stands on. */
export interface DeviceContext {
  readonly states: DeviceStates;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly openChannel: OpenChannel;
  readonly fetchRoot: (endpoint: string, rootDigest: Uint8Array, options?: FetchRootOptions) => Promise<Buffer>;
  /** Between attempts; a test moves its clock instead. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** How a caller wants an exchange to be done. */
export interface ExchangeOptions {
  /** How long to go on while the other side does not answer, milliseconds; without it there is one attempt. */
  readonly waitMs?: number;
}

/** What is retried is said in the log, once per attempt. */
const patienceOf = (device: DeviceContext, { waitMs = 0 }: ExchangeOptions): Patience => ({
  waitMs,
  clock: device.clock,
  ...(device.pause && { pause: device.pause }),
  onRetry: (error, pauseMs) => device.logger.info('no answer, trying again', { reason: error.reason, pauseMs }),
});

/** What an exchange led to, as it is used from then on. */
export function liveKey(admitted: Admitted, assigned: Assigned, { secret, keyId }: RegisteredKey): LiveKey {
  const { entity, user, form, tokenId, peer, endpoint, root } = admitted;
  const { assigner, notAfter } = assigned;
  const common = { entity, user, form, tokenId, gateway: peer, endpoint, root, assigner, notAfter, secret, keyId };
  if (assigned.form === 'secret') return common;
  const { chain, privateKey } = assigned;
  return { ...common, chain, ...(privateKey && { privateKey }) };
}

export interface AssignOptions extends ExchangeOptions {
  /** In form key pair: the device's own key, where it has one already. */
  readonly own?: OwnKey;
}

/**
 * Takes the device as far as a key, from wherever it stands: an exchange under way is resumed with the stored request.
 * @param oneTime needed where the device has no admission yet; another one than before begins anew
 * @returns the state after it; the given one when there is nothing to do
 * @throws CpnsError FIELD_MISSING when there is neither a one-time string nor a stored exchange; what
 *   {@link prepareAssignment}, the peer and {@link acceptAssignment} refuse
 */
export async function assign(
  device: DeviceContext,
  oneTime: OneTimeString | undefined,
  options: AssignOptions,
): Promise<DeviceState> {
  const state = await device.states.read();
  const isNew = oneTime !== undefined && oneTime.tokenId !== tokenIdOf(state);
  if (!isNew && state.exchange?.stage !== 'assigning') {
    if (stageOf(state) !== 'new') return state;
    throw invalidArgument('FIELD_MISSING', 'the device needs a one-time string', {
      metadata: { field: 'one-time-string' },
    });
  }
  return withSpan('cpns.assign', {}, () =>
    withStepChain('', async () => {
      const asking = isNew ? await ask(device, state, oneTime, options) : state;
      return receive(device, asking, options);
    }),
  );
}

/** Nothing is sent before this has been stored: after a crash the same request goes out again. */
async function ask(
  device: DeviceContext,
  state: DeviceState,
  oneTime: OneTimeString,
  options: AssignOptions,
): Promise<DeviceState> {
  advanceDevice(stageOf(state), 'ask');
  const root = await withPatience(patienceOf(device, options), () =>
    device.fetchRoot(oneTime.endpoint, oneTime.rootDigest),
  );
  const pending = await prepareAssignment(oneTime, root, device.random, options.own);
  const commit = () => device.states.replace(state, { ...state, exchange: { stage: 'assigning', pending } });
  if (pending.admitted.role === 'pn-gw') return commit();
  // who will assign is not known yet: a request that the gateway keeps for itself looks the same
  return pending.admitted.form === 'secret'
    ? withinStep({ flow: 'EUK-SRV-S', step: 1 }, commit)
    : withinStep({ flow: 'EUK-SRV-P', step: 1 }, commit);
}

async function receive(device: DeviceContext, state: DeviceState, options: ExchangeOptions): Promise<DeviceState> {
  if (state.exchange?.stage !== 'assigning') throw new CpnsError('INTERNAL', 'no assignment is under way');
  const { pending } = state.exchange;
  const { admitted } = pending;
  const channel = device.openChannel(admitted);
  try {
    const request = AssignmentRequest.decode(pending.request);
    const reply = await withPatience(patienceOf(device, options), () => channel.assign(request));
    const startedAt = device.clock.now();
    const assigned = acceptAssignment(pending, reply, startedAt);
    const next = afterAssignment(state, pending, assigned);
    if (admitted.role === 'pn-gw') return await device.states.replace(state, next);
    const step = receivingStep(admitted, assigned);
    const after = await withinStep(step, () => device.states.replace(state, next));
    emitStep({ ...step, from: channel.peer, to: admitted.entity, carried: carriedBy(assigned), startedAt });
    device.logger.info('key assigned', { entity: admitted.entity, assigner: assigned.assigner, form: assigned.form });
    return after;
  } finally {
    channel.close();
  }
}

/** A secret that the Server assigned is live at once and ends the exchange; all else stays until it is registered. */
function afterAssignment(state: DeviceState, { admitted }: PendingAssignment, assigned: Assigned): DeviceContent {
  const stage = stageOf(state);
  if (admitted.role === 'pn-gw') {
    advanceDevice(stage, 'accept-identity');
    return withoutExchange(state, { identity: identityOf(admitted, assigned) });
  }
  if (needsRegistration(assigned)) {
    advanceDevice(stage, 'accept');
    return { ...state, exchange: { stage: 'assigned', admitted, assigned } };
  }
  if (assigned.form !== 'secret') throw new CpnsError('INTERNAL', 'a certificate is always registered');
  advanceDevice(stage, 'accept-live');
  const { secret } = assigned;
  return withoutExchange(state, { live: liveKey(admitted, assigned, { secret, keyId: deriveKeyId(secret) }) });
}

function identityOf({ entity, tokenId, root }: Admitted, assigned: Assigned): GatewayIdentity {
  if (assigned.form !== 'key-pair' || assigned.privateKey === undefined)
    throw new CpnsError('INTERNAL', 'a PN GW enrols with a key pair of its own');
  const { notAfter, chain, privateKey } = assigned;
  return { entity, tokenId, notAfter, chain, privateKey, root };
}

function carriedBy(assigned: Assigned): readonly CarriedField[] {
  if (assigned.form === 'key-pair') return ['chain', 'mac'];
  const always = ['enc', 'ciphertext', 'not_after'] as const;
  return assigned.seed === undefined ? always : [...always, 'first_seed_id'];
}

const FLOW = 'EUK-GW-VERIFY';

export interface RegisterOptions extends ExchangeOptions {
  /** By the certified key, where the device does not hold it. */
  readonly sign?: SignStatement;
}

/**
 * Takes the device from an assigned key to a live one. What is live already stays as it is.
 * @throws CpnsError NOT_FOUND when nothing was assigned; what the Server and {@link acceptRegistration}
 *   refuse
 */
export async function register(device: DeviceContext, options: RegisterOptions): Promise<DeviceState> {
  const state = await device.states.read();
  if (state.exchange === undefined && state.live !== undefined) return state;
  if (state.exchange?.stage !== 'assigned' && state.exchange?.stage !== 'registering')
    throw new CpnsError('NOT_FOUND', 'there is no key to register: have one assigned first');
  return withSpan('cpns.register', {}, () =>
    withStepChain('', async () => receiveConfirmation(device, await prepared(device, state, options), options)),
  );
}

/** Nothing is sent before what is random in it has been stored: the Server knows a repetition by its bytes. */
async function prepared(device: DeviceContext, state: DeviceState, { sign }: RegisterOptions): Promise<DeviceState> {
  if (state.exchange?.stage !== 'assigned') return state;
  const { admitted, assigned } = state.exchange;
  advanceDevice(stageOf(state), 'register');
  const pending = await prepareRegistration(admitted, assigned, device.random, sign);
  return withinStep({ flow: FLOW, step: 1 }, () =>
    device.states.replace(state, { ...state, exchange: { stage: 'registering', admitted, assigned, pending } }),
  );
}

async function receiveConfirmation(
  device: DeviceContext,
  state: DeviceState,
  options: ExchangeOptions,
): Promise<DeviceState> {
  if (state.exchange?.stage !== 'registering') throw new CpnsError('INTERNAL', 'no registration is under way');
  const { admitted, assigned, pending } = state.exchange;
  const channel = device.openChannel(admitted);
  try {
    const request = registrationRequest(admitted, assigned, pending);
    const { reply, certificatePort } = await withPatience(patienceOf(device, options), () => channel.register(request));
    const startedAt = device.clock.now();
    const registered = acceptRegistration(admitted, assigned, pending, reply, startedAt);
    advanceDevice(stageOf(state), 'confirm');
    const live = { ...liveKey(admitted, assigned, registered), ...(certificatePort && { certificatePort }) };
    const after = await withinStep({ flow: FLOW, step: 5 }, () =>
      device.states.replace(state, withoutExchange(state, { live })),
    );
    emitStep({
      flow: FLOW,
      step: 5,
      from: channel.peer,
      to: admitted.entity,
      carried: CARRIED[assigned.form],
      startedAt,
    });
    device.logger.info('key registered', { entity: admitted.entity, assigner: assigned.assigner, form: assigned.form });
    return after;
  } finally {
    channel.close();
  }
}

const CARRIED: Readonly<Record<'secret' | 'key-pair', readonly CarriedField[]>> = {
  secret: ['key_id', 'confirmation'],
  'key-pair': ['key_id', 'enc', 'signature', 'chain'],
};
