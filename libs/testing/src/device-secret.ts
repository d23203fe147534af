/** How a device comes to its key: a one-time string, or the key that it was made with (Q2), each in a file of its own. */
import { join } from 'node:path';
import type { AdmitOptions, DeviceOptions } from './deployment-options';
import { writePrivate } from './pki-files';

/** The gateway that a device with a pre-shared key calls; a one-time string says it itself. */
export interface SecretGateway {
  /** E */
  readonly uri: string;
  /** `host:port` of its token port. */
  readonly address: string;
  /** File of the root certificate. */
  readonly root: string;
}

type Admit = (options: AdmitOptions) => Promise<{ readonly oneTimeString: string }>;

/** The variables of the device's process that lead it to its key; it is admitted where that is needed. */
export async function secretOf(
  options: DeviceOptions,
  directory: string,
  gateway: SecretGateway,
  admit: Admit,
): Promise<Record<string, string>> {
  if (!('preSharedKey' in options)) {
    const { oneTimeString } = 'oneTimeString' in options ? options : await admit(options);
    return { CPNS_ONE_TIME_STRING_FILE: writePrivate(join(directory, 'one-time-string'), oneTimeString) };
  }
  const { entity, user, preSharedKey } = options;
  return {
    CPNS_PRE_SHARED_KEY_FILE: writePrivate(join(directory, 'pre-shared.key'), preSharedKey.toString('hex')),
    CPNS_ENTITY: entity,
    CPNS_GATEWAY: gateway.uri,
    CPNS_GATEWAY_ADDRESS: gateway.address,
    CPNS_ROOT_FILE: gateway.root,
    ...(user === undefined ? {} : { CPNS_USER: user }),
  };
}
