import { permissionDenied, type EntityName } from '@cpns/core';
import type { CallContext } from './call-context';

/** The gateway that calls; the role table let no other in. @throws CpnsError ROLE_NOT_PERMITTED */
export function gatewayOf(call: CallContext): EntityName {
  const { name, role } = call.requirePeer();
  if (role !== 'pn-gw' || name.kind !== 'entity')
    throw permissionDenied('ROLE_NOT_PERMITTED', 'only a PN GW calls this');
  return name;
}
