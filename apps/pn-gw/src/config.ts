import { duration } from '@cpns/core';
import { configOf } from '@cpns/platform';
import { settings } from '@cpns/settings';

/** The PN GW's settings, each from its `CPNS_*` variable. README.md lists them. */
export class GatewayConfig extends configOf({
  /** Embedded: a gateway keeps its own state and works while the Server is away. */
  store: settings.text('embedded: and an absolute directory', /^embedded:\/.+$/),
  masterKeyFile: settings.file(),
  /** The one-time string that it enrols with; needed at the first start only. */
  oneTimeStringFile: settings.file().optional(),
  /** The CPNS Server's port for certificates. */
  serverAddress: settings.endpoint(),
  smfAddress: settings.endpoint(),
  /** Asks for certificates: entities whose Entity-User Key is a key pair. */
  listen: settings.listen().default('127.0.0.1:7430'),
  /** The port of the former as devices reach it, where that is another one. */
  certificatePort: settings.integer(1, 65_535).optional(),
  /** Takes tokens and proofs. */
  tokenListen: settings.listen().default('127.0.0.1:7431'),
  keyLifetime: settings.duration().default(duration(365, 'day')),
  /** How long the first start waits for the Server. */
  enrolmentWait: settings.duration().default(duration(5, 'minute')),
  /** How often the gateway looks whether its 1st seed and CA certificate come to their end. */
  provisioningInterval: settings.duration().default(duration(1, 'minute')),
  /** How long an entity watches its Group Keys before it shows anew that its key is in force. */
  watchLifetime: settings.duration().default(duration(1, 'hour')),
  /** How long the gateway believes what it was told of keys once it hears nothing more from the Server. */
  revocationMaxAge: settings.duration().default(duration(24, 'hour')),
  /** 1st seeds that were put in at manufacture, as `<first-seed-id>.hex` (Q2). */
  firstSeedDirectory: settings.text('the path of a directory', /^.+$/).optional(),
}) {}

/** What entities are told; 0, for nothing, where the port listens on any free one. */
export const certificatePortOf = ({
  certificatePort,
  listen,
}: Pick<GatewayConfig, 'certificatePort' | 'listen'>): number =>
  certificatePort ?? Number(listen.slice(listen.lastIndexOf(':') + 1));
