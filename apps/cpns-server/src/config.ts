import { duration } from '@cpns/core';
import { FIRST_SEED_MAX_ENTITIES } from '@cpns/entity-user-key';
import { configOf, SERVER_SIDE_SETTINGS } from '@cpns/platform';
import { settings } from '@cpns/settings';

/** The CPNS Server's settings, each from its `CPNS_*` variable. README.md lists them. */
export class ServerConfig extends configOf({
  ...SERVER_SIDE_SETTINGS,
  /** Asks for certificates: gateways, services, operators. */
  listen: settings.listen().default('127.0.0.1:7400'),
  /** Takes tokens: gateways that enrol themselves. */
  tokenListen: settings.listen().default('127.0.0.1:7401'),
  issuingCaKeyFile: settings.file(),
  entityCaFile: settings.file(),
  entityCaKeyFile: settings.file(),
  keyLifetime: settings.duration().default(duration(365, 'day')),
  identityLifetime: settings.duration().default(duration(365, 'day')),
  gatewayCaLifetime: settings.duration().default(duration(30, 'day')),
  firstSeedAssignFor: settings.duration().default(duration(7, 'day')),
  firstSeedRegisterFor: settings.duration().default(duration(30, 'day')),
  /** The KMC's certificate port, for Group Keys. */
  kmcAddress: settings.endpoint().default('127.0.0.1:7410'),
  /** The SMF's certificate port, which hears whose right ended. */
  smfAddress: settings.endpoint().default('127.0.0.1:7420'),
  /**
   * How long after it was made a version of a Group Key for joins, by time or by hand becomes active, where its group does not
   * say: time for the gateways to hear of it.
   */
  activationDelay: settings.duration().default(0),
  firstSeedMaxEntities: settings.integer(1, FIRST_SEED_MAX_ENTITIES).default(1_000),
}) {}
