/** Q2: a secret that was put into the device and, by an operator, into the Server. Nothing goes over the wire. */
import {
  failedPrecondition,
  invalidArgument,
  permissionDenied,
  type EntityUserKey,
  checkEndpoint,
  checkUserId,
  parseEntityUri,
  samePn,
} from '@cpns/core';
import { deriveKeyId } from '@cpns/key-derivation';
import { serverUriOf } from '../protocol/admitted';
import {
  advanceDevice,
  type DeviceState,
  type Home,
  type LiveKey,
  stageOf,
  withoutExchange,
} from '../state/device-state';
import type { DeviceContext } from './entity-user-key';

export interface PreSharedKey extends Home {
  /** S */
  readonly secret: EntityUserKey;
}

function checkHome({ entity, user, gateway, endpoint }: Home): void {
  const own = parseEntityUri(entity, 'entity');
  const called = parseEntityUri(gateway, 'gateway');
  checkUserId(user, 'user');
  checkEndpoint(endpoint, 'gateway address');
  if (called.entityType !== 'pn-gw')
    throw invalidArgument('NAME_INVALID', 'gateway is not a PN GW', { metadata: { field: 'gateway' } });
  if (!samePn(own, called)) throw permissionDenied('PN_MISMATCH', 'the gateway is of another Personal Network');
}

/**
 * Makes the secret the live key; the same one again changes nothing.
 * @throws CpnsError a name's reason; PN_MISMATCH; LIVE_KEY when the device has a key that was assigned to it, or is being
 *   assigned one
 */
export async function importKey(device: DeviceContext, { secret, ...home }: PreSharedKey): Promise<DeviceState> {
  checkHome(home);
  const state = await device.states.read();
  const keyId = deriveKeyId(secret);
  const stage = stageOf(state);
  const wasAssigned = state.live !== undefined && state.live.tokenId !== '';
  if (wasAssigned || (stage !== 'new' && stage !== 'live'))
    throw failedPrecondition('LIVE_KEY', 'the device has a key that was assigned to it, or is being assigned one');
  const live: LiveKey = { ...home, form: 'secret', tokenId: '', assigner: serverUriOf(home.entity), secret, keyId };
  if (state.live?.keyId === keyId && sameHome(state.live, home)) return state;
  advanceDevice(stage, 'import');
  return device.states.replace(state, withoutExchange(state, { live }));
}

const sameHome = (a: Home, b: Home): boolean =>
  a.entity === b.entity &&
  a.user === b.user &&
  a.gateway === b.gateway &&
  a.endpoint === b.endpoint &&
  a.root.equals(b.root);
