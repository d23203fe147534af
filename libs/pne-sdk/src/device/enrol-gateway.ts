import { CpnsError, invalidArgument, type PrivateKeyDer } from '@cpns/core';
import type { OneTimeString } from '@cpns/key-derivation';
import { enrolsGateway } from '../protocol/admitted';
import type { GatewayIdentity } from '../state/device-state';
import { assign, type ExchangeOptions } from './entity-user-key';
import { deviceContext, type DeviceOptions } from './device';

export interface EnrolGatewayOptions extends DeviceOptions, ExchangeOptions {
  /** The gateway's own key, PKCS #8, where it has one already. */
  readonly privateKey?: PrivateKeyDer;
}

/**
 * A PN GW enrols itself at the Server's token port (protocol.md, "Admission"), or goes on with an enrolment that was cut
 * off; where that is done, it gives the identity that is stored.
 * @param oneTime may be left out once the exchange is stored; another one than before replaces the identity at its end
 * @throws CpnsError NAME_INVALID when the string is for a target entity; see {@link assign}
 */
export async function enrolGateway(
  options: EnrolGatewayOptions,
  oneTime: OneTimeString | undefined,
): Promise<GatewayIdentity> {
  if (oneTime !== undefined && !enrolsGateway(oneTime))
    throw invalidArgument(
      'NAME_INVALID',
      'the one-time string is for a target entity, not for a PN GW that enrols itself',
      {
        metadata: { field: 'peer' },
      },
    );
  const { privateKey, waitMs } = options;
  const { identity } = await assign(deviceContext(options), oneTime, {
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(privateKey && { own: { privateKey } }),
  });
  if (identity === undefined) throw new CpnsError('INTERNAL', 'the stored exchange is not that of a PN GW');
  return identity;
}
