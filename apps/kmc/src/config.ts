import { SERVER_SIDE_SETTINGS } from '@cpns/platform';
import { settings, type Config } from '@cpns/settings';

/** The KMC's settings, each from its `CPNS_*` variable. */
export const SETTINGS = {
  ...SERVER_SIDE_SETTINGS,
  /** Asks for certificates: the CPNS Server's. */
  listen: settings.listen().default('127.0.0.1:7410'),
} as const;

export type KmcConfig = Config<typeof SETTINGS>;
