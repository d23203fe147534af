import { configOf, SERVER_SIDE_SETTINGS } from '@cpns/platform';
import { settings } from '@cpns/settings';

/** The SMF's settings, each from its `CPNS_*` variable. README.md lists them. */
export class SmfConfig extends configOf({
  ...SERVER_SIDE_SETTINGS,
  /** Asks for certificates: operators', gateways', the CPNS Server's. */
  listen: settings.listen().default('127.0.0.1:7420'),
  /** The CPNS Server's port for certificates: its CSKMF is asked for Group Keys. */
  serverAddress: settings.endpoint(),
  /** Where gateways find that CSKMF, should they reach it at another address; the same unless said. */
  keyLocation: settings.endpoint().optional(),
}) {}
