/** The life of a device towards its Entity-User Key, as data (5.3.1.12.5). */
import { CpnsError } from '@cpns/core';
import { nextState, type LifeCycle } from '@cpns/core';

/**
 * `assigning`: a request is stored and may be out. `assigned`: the key is here, the Server may not know of it.
 * `registering`: a registration is stored and may be out. `live`: both sides hold S. `enrolled`: a PN GW has its identity.
 */
export type DeviceStage = 'new' | 'assigning' | 'assigned' | 'registering' | 'live' | 'enrolled';

/**
 * `ask` and `register` are committed before something is sent, `accept-…` and `confirm` after a reply was found good.
 * `accept-live`: a secret that the Server assigned, which it knows already.
 */
export type DeviceEvent = 'ask' | 'accept' | 'accept-live' | 'accept-identity' | 'register' | 'confirm' | 'import';

const row = (state: DeviceStage, event: DeviceEvent, next: DeviceStage) => ({ state, event, next });

export const DEVICE_LIFE_CYCLE: LifeCycle<DeviceStage, DeviceEvent> = [
  row('new', 'ask', 'assigning'),
  // another one-time string: the one before was lost, expired or spent, or the key is to be replaced
  row('assigning', 'ask', 'assigning'),
  row('assigned', 'ask', 'assigning'),
  row('registering', 'ask', 'assigning'),
  row('live', 'ask', 'assigning'),
  row('enrolled', 'ask', 'assigning'),

  row('assigning', 'accept', 'assigned'),
  row('assigning', 'accept-live', 'live'),
  row('assigning', 'accept-identity', 'enrolled'),
  row('assigned', 'register', 'registering'),
  row('registering', 'confirm', 'live'),

  // Q2: the secret came with the device
  row('new', 'import', 'live'),
  row('live', 'import', 'live'),
];

/** @throws CpnsError INTERNAL where the life cycle has no row: a fault of this library, since callers are checked before */
export function advanceDevice(stage: DeviceStage, event: DeviceEvent): DeviceStage {
  const next = nextState(DEVICE_LIFE_CYCLE, stage, event);
  if (next === undefined) throw new CpnsError('INTERNAL', `a device that is ${stage} does not ${event}`);
  return next;
}
