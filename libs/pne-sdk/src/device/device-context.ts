import type { Clock, Random } from '@cpns/core';
import type { Logger } from '@cpns/telemetry';
import type { DeviceStates } from '../state/device-state';
import type { FetchRootOptions } from '../transport/fetch-root';
import type { OpenChannel } from '../transport/channel';

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
