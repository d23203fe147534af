import type { Assigned } from '../protocol/accept-assignment';
import type { Admitted } from '../protocol/admitted';
import type { RegisteredKey } from '../protocol/registration';
import type { LiveKey } from '../state/device-state';

/** What an exchange led to, as it is used from then on. */
export function liveKey(admitted: Admitted, assigned: Assigned, { secret, keyId }: RegisteredKey): LiveKey {
  const { entity, user, form, tokenId, peer, endpoint, root } = admitted;
  const { assigner, notAfter } = assigned;
  const common = { entity, user, form, tokenId, gateway: peer, endpoint, root, assigner, notAfter, secret, keyId };
  if (assigned.form === 'secret') return common;
  const { chain, privateKey } = assigned;
  return { ...common, chain, ...(privateKey && { privateKey }) };
}
