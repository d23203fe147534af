/** Assignment of an Entity-User Key (EUK-SRV, EUK-GW), or of a gateway's identity, safe against a crash at any point. */
import { AssignmentRequest } from '@cpns/contracts';
import { CpnsError, invalidArgument } from '@cpns/core';
import { deriveKeyId, type OneTimeString } from '@cpns/key-derivation';
import { emitStep, withinStep, withSpan, withStepChain, type CarriedField } from '@cpns/telemetry';
import { acceptAssignment, receivingStep, type Assigned } from '../protocol/accept-assignment';
import type { Admitted } from '../protocol/admitted';
import { prepareAssignment, type OwnKey, type PendingAssignment } from '../protocol/prepare-assignment';
import { needsRegistration } from '../protocol/registration';
import {
  stageOf,
  tokenIdOf,
  withoutExchange,
  type DeviceContent,
  type DeviceState,
  type GatewayIdentity,
} from '../state/device-state';
import { advanceDevice } from '../state/life-cycle';
import { withPatience } from '../transport/retry';
import type { DeviceContext, ExchangeOptions } from './device-context';
import { liveKey } from './live-key';
import { patienceOf } from './patience';

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
