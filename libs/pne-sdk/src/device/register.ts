/** EUK-GW-VERIFY steps 1 and 5: the first contact of a target entity with the CPNS Server, safe against a crash. */
import { CpnsError } from '@cpns/core';
import { emitStep, withinStep, withSpan, withStepChain, type CarriedField } from '@cpns/telemetry';
import {
  acceptRegistration,
  prepareRegistration,
  registrationRequest,
  type SignStatement,
} from '../protocol/registration';
import { stageOf, withoutExchange, type DeviceState } from '../state/device-state';
import { advanceDevice } from '../state/life-cycle';
import { withPatience } from '../transport/retry';
import type { DeviceContext, ExchangeOptions } from './device-context';
import { liveKey } from './live-key';
import { patienceOf } from './patience';

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
    withStepChain('', async () => receive(device, await prepared(device, state, options), options)),
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

async function receive(device: DeviceContext, state: DeviceState, options: ExchangeOptions): Promise<DeviceState> {
  if (state.exchange?.stage !== 'registering') throw new CpnsError('INTERNAL', 'no registration is under way');
  const { admitted, assigned, pending } = state.exchange;
  const channel = device.openChannel(admitted);
  try {
    const request = registrationRequest(admitted, assigned, pending);
    const reply = await withPatience(patienceOf(device, options), () => channel.register(request));
    const startedAt = device.clock.now();
    const registered = acceptRegistration(admitted, assigned, pending, reply, startedAt);
    advanceDevice(stageOf(state), 'confirm');
    const live = liveKey(admitted, assigned, registered);
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
