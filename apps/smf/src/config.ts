import { SERVER_SIDE_SETTINGS, settings, type Config } from '@cpns/service';

/** The SMF's settings, each from its `CPNS_*` variable. */
export const SETTINGS = {
  ...SERVER_SIDE_SETTINGS,
  /** Asks for certificates: operators', gateways', the CPNS Server's. */
  listen: settings.listen().default('127.0.0.1:7420'),
} as const;

export type SmfConfig = Config<typeof SETTINGS>;
