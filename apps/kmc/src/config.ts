import { configOf, SERVER_SIDE_SETTINGS } from '@cpns/platform';
import { settings } from '@cpns/settings';

/** The KMC's settings, each from its `CPNS_*` variable. */
export class KmcConfig extends configOf({
  ...SERVER_SIDE_SETTINGS,
  /** Asks for certificates: the CPNS Server's. */
  listen: settings.listen().default('127.0.0.1:7410'),
  /** The CPNS Server's port for certificates: it tells which certificates were ended. */
  serverAddress: settings.endpoint(),
}) {}
