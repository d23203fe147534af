import { SERVER_SIDE_SETTINGS, settings, type Config } from '@cpns/service';

/** The KMC's settings, each from its `CPNS_*` variable. */
export const SETTINGS = {
  ...SERVER_SIDE_SETTINGS,
  /** Asks for certificates: the CPNS Server's. */
  listen: settings.listen().default('127.0.0.1:7410'),
} as const;

export type KmcConfig = Config<typeof SETTINGS>;
